/** Stands in for <video>: plays by a clock that the test moves. */
export class FakeVideo extends EventTarget {
  paused = true;
  seeking = false;
  ended = false;
  readyState = 4;
  playbackRate = 1;
  muted = false;
  seeks = 0;
  readonly dataset: Record<string, string> = {};
  private at = 0;

  get currentTime() {
    return this.at;
  }
  set currentTime(value: number) {
    this.at = value;
    this.seeks += 1;
  }
  play() {
    this.paused = false;
    return Promise.resolve();
  }
  pause() {
    this.paused = true;
  }
  advance(ms: number) {
    if (!this.paused && this.readyState >= 3) this.at += (ms / 1000) * this.playbackRate;
  }
  asElement() {
    return this as unknown as HTMLVideoElement;
  }
}
