import { Compass } from "lucide-react";
import { Link, useRouteError } from "react-router-dom";
import { Page } from "./page";
import { EmptyState, ErrorState } from "./states";
import { Button } from "./ui/button";

export function NotFoundPage() {
  return (
    <Page title="Not found">
      <EmptyState
        icon={Compass}
        title="Nothing lives at this address"
        text="The page may have moved, or the link was cut short."
        action={
          <Button asChild variant="primary">
            <Link to="/cameras">Go to the cameras</Link>
          </Button>
        }
      />
    </Page>
  );
}

/** Last stop for a fault in the UI itself. */
export function RouteError() {
  const error = useRouteError();
  return (
    <ErrorState
      title="Something broke on this page"
      error={error}
      onRetry={() => location.reload()}
      className="min-h-dvh justify-center"
    />
  );
}
