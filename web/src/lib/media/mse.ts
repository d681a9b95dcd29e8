/** The browser's MediaSource, whatever it is called there. */

type MediaSourceType = typeof MediaSource;

/** null where there is none, as in iPhones before iOS 17 and in test environments. */
export function mediaSourceType(): MediaSourceType | null {
  const host: { ManagedMediaSource?: MediaSourceType; MediaSource?: MediaSourceType } = globalThis;
  return host.ManagedMediaSource ?? host.MediaSource ?? null;
}

export function canPlayMime(mime: string): boolean {
  return mediaSourceType()?.isTypeSupported(mime) ?? false;
}

/** Whether a recorded or live stream can play here; unknown codecs get the benefit of the doubt. */
export function canPlayCodec(
  codec: string | null | undefined,
  codecString?: string | null,
): boolean {
  const type = mediaSourceType();
  if (!type) return false;
  if (codecString) return type.isTypeSupported(`video/mp4; codecs="${codecString}"`);
  switch (codec?.toLowerCase()) {
    case "h265":
    case "hevc":
      return type.isTypeSupported('video/mp4; codecs="hvc1.1.6.L120.90"');
    case "mjpeg":
    case "jpeg":
      return false;
    default:
      return true;
  }
}
