/** What a console shows, and what it may do: its options. */
import type { AnyDecider, AnyProjection, AnyStore } from '../target/known.ts'
import type { MetricSource } from './metrics.ts'

/** What a value belongs to that the console is about to send to a page. */
export interface RedactedValue {
  /**
   * `event`: its data. `metadata`: of an event, or of a stream. `state`: of a stream. `document`: of a projection. `error`:
   * the message or the stack of an error, of a parked event or of a decider; it may quote data.
   */
  readonly kind: 'event' | 'metadata' | 'state' | 'document' | 'error'
  /** The stream, the projection, or for the error of a parked event its subscription. */
  readonly source: string
  /** The type of the event, the name of the decider, or the key of the document; empty for the metadata of a stream. */
  readonly name: string
}

/** Returns what the page may show instead of a value, for example without personal data. It gets a copy. */
export type Redact = (value: unknown, of: RedactedValue) => unknown

/** The options of `console`. */
export interface ConsoleOptions {
  readonly store: AnyStore
  /** How the page names the store. Give no secrets. @default 'event store' */
  readonly name?: string | undefined
  /** Deciders by name. They fold streams into states. @default none */
  readonly deciders?: Readonly<Record<string, AnyDecider>> | undefined
  /** The projections that can be rebuilt and verified. @default none */
  readonly projections?: readonly AnyProjection[] | undefined
  /** Refuses every action. @default false */
  readonly readOnly?: boolean | undefined
  /** Called for each value before it is sent. If it throws, the page shows an error instead of the value. @default none */
  readonly redact?: Redact | undefined
  /**
   * The secret that a browser must show once, as `?token=…`, and a program in each request, as `Authorization: Bearer …`. It
   * has at least 8 characters. @default none: everybody who reaches the console may use it
   */
  readonly token?: string | undefined
  /**
   * The names under which browsers reach the console, without ports, such as `ops.example.org`. The names `localhost`,
   * `127.0.0.1` and `[::1]` are always known. @default none
   */
  readonly hosts?: readonly string[] | undefined
  /** Who acts, for the audit: what your login knows of the request. @default 'console' */
  readonly actor?: ((request: Request) => string | Promise<string>) | undefined
  /** How long the store may take to answer a request, in milliseconds. @default 5,000 */
  readonly timeout?: number | undefined
  /** Where the page gets the rates of the appending processes from, such as `consoleMetrics()`. @default none */
  readonly metrics?: MetricSource | undefined
  /** Receives each error that the page is not told, for your log. @default console.error */
  readonly onError?: ((error: unknown, request: Request) => void) | undefined
}

/** What every route has at hand. */
export interface ConsoleContext {
  readonly store: AnyStore
  readonly name: string
  readonly deciders: Readonly<Record<string, AnyDecider>>
  readonly projections: readonly AnyProjection[]
  readonly isReadOnly: boolean
  readonly redact: Redact
  readonly token: string | undefined
  readonly hosts: readonly string[] | undefined
  readonly actorOf: (request: Request) => Promise<string>
  readonly timeout: number
  readonly metrics: MetricSource | undefined
  readonly onError: (error: unknown, request: Request) => void
  /** Aborted by `close`. What runs without a request, and every answer that stays open, ends with it. */
  readonly closing: AbortSignal
}

/** The options are checked before. */
export function contextOf(options: ConsoleOptions, closing: AbortSignal): ConsoleContext {
  const { store, name = 'event store', timeout = 5_000, token } = options
  return {
    store,
    name,
    deciders: options.deciders ?? {},
    projections: options.projections ?? [],
    isReadOnly: options.readOnly ?? false,
    redact: options.redact ?? ((value) => value),
    token,
    hosts: options.hosts,
    actorOf: async (request) => (await options.actor?.(request)) ?? 'console',
    timeout,
    metrics: options.metrics,
    onError: options.onError ?? ((error) => globalThis.console.error(error)),
    closing,
  }
}
