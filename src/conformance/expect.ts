/** Assertions that many cases share, and concurrent calls. */
import assert from 'node:assert/strict'
import { type ErrorCode, EventSourcedError, hasCode, type KnownError } from '../errors/index.ts'
import type { Event } from '../event.ts'
import type { ExpectedVersion } from '../expected-version.ts'
import type { AppendOptions, AppendResult, EventStore } from '../store.ts'

type ErrorOf<Code extends ErrorCode> = Extract<KnownError, { readonly code: Code }>

/** Asserts that the work fails with the error of this code and with these properties. Returns the error. */
export async function refused<Code extends ErrorCode>(
  work: Promise<unknown> | (() => unknown),
  code: Code,
  facts: Partial<ErrorOf<Code>> = {},
): Promise<ErrorOf<Code>> {
  const error = await failure(work)
  assert.ok(hasCode(error, code), `expected the error '${code}', but got: ${String(error)}`)
  assert.ok(error instanceof EventSourcedError)
  for (const [fact, value] of Object.entries(facts)) {
    assert.deepEqual(error[fact as keyof ErrorOf<Code>], value, `${fact} of: ${error.message}`)
  }
  return error
}

/** Returns the error that the work throws or rejects with. Fails if it succeeds. */
export async function failure(work: Promise<unknown> | (() => unknown)): Promise<unknown> {
  let result: unknown
  try {
    result = await (typeof work === 'function' ? work() : work)
  } catch (error) {
    return error
  }
  return assert.fail(`expected an error, but the call succeeded with ${JSON.stringify(result)}`)
}

/** Asserts that the store refuses an append because the stream is at version `actual`. */
export async function refusedAt(
  actual: number,
  store: Pick<EventStore, 'append'>,
  streamId: string,
  events: readonly Event[],
  expectedVersion: ExpectedVersion,
): Promise<void> {
  const work = store.append(streamId, events, { expectedVersion })
  await refused(work, 'wrong-expected-version', { streamId, expected: expectedVersion, actual })
}

/** Makes `count` concurrent calls. Returns the results of the calls that succeed, and the errors of the others. */
export async function atOnce<T>(
  count: number,
  call: (index: number) => Promise<T>,
): Promise<{ readonly results: T[]; readonly errors: unknown[] }> {
  const settled = await Promise.allSettled(Array.from({ length: count }, (_, index) => call(index)))
  return {
    results: settled.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value),
    errors: settled.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason),
  }
}

/** Makes `count` concurrent calls, of which none may fail. Returns their results. */
export async function allAtOnce<T>(count: number, call: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => call(index)))
}

/** Appends at the version that it has read. After a conflict, it retries at the version that the error names. */
export async function appendInTurn(
  store: EventStore,
  streamId: string,
  makeEvents: (version: number) => readonly Event[],
  options: Omit<AppendOptions, 'expectedVersion'> = {},
): Promise<AppendResult> {
  let { version } = await store.readStream(streamId, { limit: 1 })
  for (;;) {
    try {
      return await store.append(streamId, makeEvents(version), { ...options, expectedVersion: version })
    } catch (error) {
      if (!hasCode(error, 'wrong-expected-version')) throw error
      assert.ok(error.actual > version, 'a conflict means that the stream has a higher version')
      version = error.actual
    }
  }
}

/** A promise that a test resolves with `release`. */
export interface Latch {
  readonly released: Promise<void>
  release(): void
}

export function latch(): Latch {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  return { released, release: () => release() }
}
