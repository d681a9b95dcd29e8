import { Page } from "@/components/page";

export function SystemPage() {
  return <Page title="System">{null}</Page>;
}
