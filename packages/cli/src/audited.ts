/** Records what an operator does, around the action. The commands and the console act through this. */
import type { AuditEntry, CallOptions, NewAuditEntry } from '@eventsourced/core'
import { CommandFailure, textOf } from './failure.ts'
import type { AnyStore } from './target/known.ts'

/** Who acts, and why. */
export interface Operator {
  readonly actor: string
  readonly reason?: string | undefined
}

/** What is recorded before an action. Give no secrets. */
export interface AuditedAction extends Operator, Pick<NewAuditEntry, 'action' | 'target' | 'details'> {}

interface AuditedOptions<Result> extends CallOptions {
  /** What of the result is recorded after the action, beside the details. @default nothing */
  readonly results?: ((result: Result) => Readonly<Record<string, unknown>>) | undefined
  /** How long the store may take to record each of the two entries, in milliseconds. @default 30,000 */
  readonly recordTime?: number | undefined
}

type AuditedStore = Pick<AnyStore, 'audit'>

/** The store could not record an action. `cause`: why. */
export class NotRecordedError extends CommandFailure {
  /** How the action ended. `not begun`: nothing was changed. */
  readonly outcome: 'not begun' | 'done' | 'failed'

  constructor(message: string, outcome: NotRecordedError['outcome'], cause: unknown) {
    super(`${message}: ${textOf(cause)}`)
    this.outcome = outcome
    this.cause = cause
  }
}

/**
 * Does an action, records it in the store in two entries, and returns its result.
 *
 * 1. `started`, before the action. If the store cannot record that within `recordTime`, the action is not begun. So no action is without an
 *    entry, not even one whose process dies in the middle, or that removes what it is about.
 * 2. `done` or `failed`, after the action, with the id of the first one. Ctrl-C ends the action, but not this; it ends
 *    after `recordTime`.
 *
 * A single entry after the action would miss exactly the actions that another operator looks for: the actions that never
 * came to their end. A single entry that changes would be no record.
 *
 * @throws NotRecordedError if an entry could not be recorded
 * @throws what the work throws
 */
export async function audited<Result>(
  store: AuditedStore,
  action: AuditedAction,
  work: () => Promise<Result>,
  { results, signal, recordTime = 30_000 }: AuditedOptions<Result> = {},
): Promise<Result> {
  const inTime = () => AbortSignal.timeout(recordTime)
  let start: AuditEntry
  try {
    const limit = signal === undefined ? inTime() : AbortSignal.any([signal, inTime()])
    start = await store.audit.record({ ...action, outcome: 'started' }, { signal: limit })
  } catch (error) {
    const message = 'Nothing was changed, because the store cannot record who does it'
    throw new NotRecordedError(message, 'not begun', error)
  }
  const name = `'${action.action}' of '${action.target}'`
  let result: Result
  try {
    result = await work()
  } catch (error) {
    const failure = {
      ...action,
      startId: start.id,
      outcome: 'failed',
      error: shortened(textOf(error)),
    } as const
    await store.audit.record(failure, { signal: inTime() }).catch((cause: unknown) => {
      const message = `${textOf(error)}. ${name} failed, but the store could not record that`
      throw new NotRecordedError(message, 'failed', cause)
    })
    throw error
  }
  const details = { ...action.details, ...results?.(result) }
  const isPlain = Object.keys(details).length === 0
  const success = {
    ...action,
    startId: start.id,
    outcome: 'done',
    details: isPlain ? undefined : details,
  } as const
  await store.audit.record(success, { signal: inTime() }).catch((cause: unknown) => {
    const what = isPlain ? name : `${name} (${JSON.stringify(details)})`
    throw new NotRecordedError(`${what} was done, but the store could not record that`, 'done', cause)
  })
  return result
}

/**
 * Returns one entry for each action, the newest first: its outcome, or `started` if it runs, or its process has died.
 * `entries`: as `audit.list` returns them, from the newest on.
 */
export async function* auditedActions(
  entries: AsyncIterable<AuditEntry>,
  limit: number,
): AsyncGenerator<AuditEntry> {
  const ended = new Set<string>()
  let count = 0
  for await (const entry of entries) {
    if (entry.outcome === 'started' && ended.delete(entry.id)) continue
    if (entry.startId !== undefined) ended.add(entry.startId)
    yield entry
    if (++count === limit) return
  }
}

/** Errors may quote data of any length, with characters that no database keeps. */
function shortened(text: string): string {
  const short = text.length <= 1_000 ? text : `${text.slice(0, 999)}…`
  return short.replaceAll('\0', '\ufffd').toWellFormed()
}
