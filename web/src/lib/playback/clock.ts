/** The one clock of a playback: a moment, whether it runs, and how fast. */
export class PlaybackClock {
  time: number;
  running = false;
  rate = 1;

  constructor(time = 0) {
    this.time = time;
  }

  advance(ms: number): void {
    if (this.running) this.time += ms * this.rate;
  }
}
