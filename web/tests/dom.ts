/** What jsdom lacks and the UI needs: enough to render, nothing that plays. */

class Observer {
  observe() {}
  unobserve() {}
  disconnect() {}
}

type Listener = (event: { matches: boolean }) => void;

/** A media query that a test can flip. */
export const systemTheme = {
  dark: false,
  listeners: new Set<Listener>(),
  set(dark: boolean) {
    this.dark = dark;
    for (const listener of this.listeners) listener({ matches: dark });
  },
};

/** Calls that were made on a canvas, by name. */
export const canvasCalls: { name: string; args: unknown[] }[] = [];

function canvasContext() {
  return new Proxy(
    {},
    {
      get: (_, name: string) =>
        name === "measureText"
          ? () => ({ width: 40 })
          : (...args: unknown[]) => void canvasCalls.push({ name, args }),
      set: () => true,
    },
  );
}

class FakePointerEvent extends MouseEvent {
  readonly pointerId: number;
  readonly pointerType: string;
  constructor(type: string, init: PointerEventInit = {}) {
    super(type, init);
    this.pointerId = init.pointerId ?? 0;
    this.pointerType = init.pointerType ?? "";
  }
}

export function installDom(): void {
  Object.assign(window, { PointerEvent: FakePointerEvent });
  Object.assign(globalThis, { ResizeObserver: Observer, scrollTo: () => undefined });
  window.matchMedia = (query) =>
    ({
      get matches() {
        return systemTheme.dark;
      },
      media: query,
      addEventListener: (_: string, listener: Listener) => systemTheme.listeners.add(listener),
      removeEventListener: (_: string, listener: Listener) =>
        systemTheme.listeners.delete(listener),
    }) as unknown as MediaQueryList;
  Object.assign(Element.prototype, {
    scrollIntoView: () => undefined,
    hasPointerCapture: () => false,
    setPointerCapture: () => undefined,
    releasePointerCapture: () => undefined,
  });
  Object.assign(HTMLMediaElement.prototype, {
    play: () => Promise.resolve(),
    pause: () => undefined,
    load: () => undefined,
  });
  Object.assign(HTMLCanvasElement.prototype, { getContext: canvasContext });
  Object.assign(URL, { createObjectURL: () => "blob:test", revokeObjectURL: () => undefined });
}
