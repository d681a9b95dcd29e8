import { Page } from "@/components/page";

export function LogsPage() {
  return <Page title="Logs">{null}</Page>;
}
