/** Gives a feed's text to hls.js in place of a playlist from the network. */
import type {
  Loader,
  LoaderCallbacks,
  LoaderConfiguration,
  LoaderStats,
  PlaylistLoaderContext,
  PlaylistLoaderConstructor,
} from "hls.js";
import type { PlaylistFeed } from "./playlist-feed";

function statsOf(length: number): LoaderStats {
  const now = performance.now();
  return {
    aborted: false,
    loaded: length,
    retry: 0,
    total: length,
    chunkCount: 0,
    bwEstimate: 0,
    loading: { start: now, first: now, end: now },
    parsing: { start: 0, end: 0 },
    buffering: { start: 0, first: 0, end: 0 },
  };
}

export function feedLoader(feed: PlaylistFeed): PlaylistLoaderConstructor {
  return class FeedLoader implements Loader<PlaylistLoaderContext> {
    context: PlaylistLoaderContext | null = null;
    stats = statsOf(0);
    private isOpen = true;

    load(
      context: PlaylistLoaderContext,
      _: LoaderConfiguration,
      callbacks: LoaderCallbacks<PlaylistLoaderContext>,
    ): void {
      this.context = context;
      queueMicrotask(() => {
        if (!this.isOpen) return;
        const data = feed.text;
        this.stats = statsOf(data.length);
        // Addresses in the playlist are absolute paths of this very server.
        callbacks.onSuccess({ url: location.origin, data }, this.stats, context, null);
      });
    }

    abort(): void {
      this.isOpen = false;
    }

    destroy(): void {
      this.isOpen = false;
    }
  };
}
