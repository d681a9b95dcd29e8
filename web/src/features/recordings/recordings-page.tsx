import { Page } from "@/components/page";

export function RecordingsPage() {
  return <Page title="Recordings">{null}</Page>;
}
