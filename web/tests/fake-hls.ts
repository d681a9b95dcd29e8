/** Stands in for hls.js: remembers what it was told, and emits what a test wants. */
import type { PlaylistLoaderConstructor } from "hls.js";
import type { ClockFragment } from "@/lib/media/playlist-clock";

type Handler = (event: string, data: unknown) => void;

export class FakeHls {
  static all: FakeHls[] = [];
  static Events = {
    MANIFEST_PARSED: "parsed",
    LEVEL_LOADED: "loaded",
    LEVEL_UPDATED: "updated",
    FRAG_BUFFERED: "buffered",
    ERROR: "error",
  };
  static ErrorTypes = { MEDIA_ERROR: "mediaError", NETWORK_ERROR: "networkError" };
  static ErrorDetails = {
    MANIFEST_INCOMPATIBLE_CODECS_ERROR: "manifestIncompatibleCodecsError",
    BUFFER_ADD_CODEC_ERROR: "bufferAddCodecError",
    BUFFER_INCOMPATIBLE_CODECS_ERROR: "bufferIncompatibleCodecsError",
    LEVEL_EMPTY_ERROR: "levelEmptyError",
    MANIFEST_PARSING_ERROR: "manifestParsingError",
  };
  static isSupported = () => true;
  static last(): FakeHls {
    const last = FakeHls.all[FakeHls.all.length - 1];
    if (!last) throw new Error("nothing was loaded");
    return last;
  }

  url = "";
  position = -1;
  recovered = 0;
  destroyed = false;
  private readonly handlers = new Map<string, Handler>();

  constructor(readonly config: { maxBufferLength: number; pLoader: PlaylistLoaderConstructor }) {
    FakeHls.all.push(this);
  }
  on(event: string, handler: Handler) {
    this.handlers.set(event, handler);
  }
  emit(event: string, data: unknown = {}) {
    this.handlers.get(event)?.(event, data);
  }
  parsed(fragments: ClockFragment[]) {
    this.emit("parsed", { levels: [{ details: { fragments } }] });
    this.emit("loaded", { details: { fragments } });
    this.emit("updated", { details: { fragments } });
  }
  attachMedia() {
    return undefined;
  }
  loadSource(url: string) {
    this.url = url;
  }
  startLoad(position: number) {
    this.position = position;
  }
  recoverMediaError() {
    this.recovered += 1;
  }
  destroy() {
    this.destroyed = true;
  }
}
