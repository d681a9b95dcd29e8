import type { GapCause, MarkKind } from "@/lib/api/types";
import { causeNames, causes, markKinds, markLabels } from "@/lib/timeline/gaps";
import type { Lane } from "@/lib/timeline/lanes";

const stripes = (name: GapCause) =>
  `repeating-linear-gradient(135deg, var(--cause-${name}) 0 1.5px, color-mix(in srgb, var(--cause-${name}) 20%, transparent) 1.5px 5px)`;

function Entry({ background, label }: { background: string; label: string }) {
  return (
    <li className="flex items-center gap-1.5">
      <span className="h-3 w-4 shrink-0 rounded-[3px]" style={{ background }} aria-hidden />
      {label}
    </li>
  );
}

/** What the colours of this timeline mean; only those that it shows. */
export function TimelineLegend({ lanes }: { lanes: Lane[] }) {
  const found = new Set<GapCause | MarkKind>();
  for (const lane of lanes) {
    for (const { cause } of lane.gaps) found.add(cause);
    for (const { kind } of lane.marks) found.add(kind);
  }
  const isLocked = lanes.some(({ locked }) => locked.length > 0);
  return (
    <ul
      aria-label="Colours of the timeline"
      className="text-faint flex flex-wrap gap-x-4 gap-y-1 text-xs"
    >
      <Entry background="var(--record)" label="Recorded" />
      {markKinds
        .filter((kind) => found.has(kind))
        .map((kind) => (
          <Entry key={kind} background={`var(--mark-${kind})`} label={markLabels[kind]} />
        ))}
      {isLocked && <Entry background="var(--protect)" label="Protected" />}
      {causeNames
        .filter((cause) => found.has(cause))
        .map((cause) => (
          <Entry
            key={cause}
            background={stripes(cause)}
            label={`${causes[cause].wanted ? "Not recorded" : "Missing"}: ${causes[cause].label}`}
          />
        ))}
    </ul>
  );
}
