import type { components } from "./schema.js";

type Members = components["schemas"]["Problem"];

/** A refusal or a failure, as the gateway tells of it (RFC 9457). Its `message` is for a person. */
export class GatewayProblem extends Error {
  override readonly name = "GatewayProblem";
  /** AWS's name of the error, stable: `UserNotFoundException`. `about:blank` where it is not the gateway's word. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** The path of what is wrong in what was sent: `attributes.email`. */
  readonly member: string | undefined;
  /** What to ask the operator about. */
  readonly requestId: string | undefined;
  /** How long to wait before it is asked again, where the gateway says so. */
  readonly retryAfterSeconds: number | undefined;
  /** The answer's WWW-Authenticate. */
  readonly challenge: string | undefined;

  constructor(told: Partial<Members> & { status: number }, headers: Headers = new Headers()) {
    super(told.detail ?? `The gateway answered ${told.status}.`);
    this.type = told.type ?? "about:blank";
    this.title = told.title ?? "";
    this.status = told.status;
    this.member = told.member;
    this.requestId = told.requestId ?? headers.get("x-request-id") ?? undefined;
    this.retryAfterSeconds = seconds(headers.get("retry-after"));
    this.challenge = headers.get("www-authenticate") ?? undefined;
  }

  /** Whether the token is good, but its sign-in too old or too weak for this: sign in anew (RFC 9470). */
  get needsStepUp(): boolean {
    return this.challenge?.includes("insufficient_user_authentication") ?? false;
  }

  /** What an answer that is no success says, whoever gave it: a proxy's page is a problem too. */
  static async read(response: Response): Promise<GatewayProblem> {
    const problem = response.headers.get("content-type")?.startsWith("application/problem+json") ?? false;
    const told: unknown = problem ? await response.json().catch(() => null) : null;
    if (!problem) await response.body?.cancel();
    const members = typeof told === "object" && told !== null ? (told as Partial<Members>) : {};
    return new GatewayProblem({ ...members, status: response.status }, response.headers);
  }
}

const DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/;

/** Retry-After: whole seconds, or a date as HTTP writes it; `Date.parse` alone takes "1.5" for a day of 2001. */
function seconds(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  const date = value.endsWith("GMT") ? value : `${value} GMT`; // the oldest form names no zone and means this one
  const found = DATE.test(value) ? (Date.parse(date) - Date.now()) / 1000 : NaN;
  return Number.isNaN(found) ? undefined : Math.max(0, found);
}
