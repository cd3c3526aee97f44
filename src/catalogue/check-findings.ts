/** Collects what a check finds out about stored events, in bounded memory. */
import { InvalidInputError } from '../errors/index.ts'
import type { RecordedEvent } from '../event.ts'
import { issueTexts } from './accept.ts'
import type { CheckResult, FailedExample, StoredKind } from './check-result.ts'
import { isParts, type KnownEvents } from './known-events.ts'
import { schemaVersionOf } from './stored-event.ts'
import { upcast } from './upcast.ts'
import { unusedUpcasts, writtenForms } from './upcast-use.ts'

const mostUnknownKinds = 1000
const longestMessage = 500

interface Row {
  readonly type: string
  readonly schemaVersion: number
  readonly isKnown: boolean
  readonly today: Set<string>
  events: number
  failed: number
  readonly examples: FailedExample[]
}

export class Findings {
  readonly #known: KnownEvents
  readonly #mostExamples: number
  readonly #rows = new Map<string, Row>()
  #unknownKinds = 0
  #unlisted = 0
  #events = 0
  #failed = 0

  constructor(known: KnownEvents, mostExamples: number, earlier: CheckResult | undefined) {
    this.#known = known
    this.#mostExamples = mostExamples
    if (earlier === undefined) return
    this.#events = earlier.events
    this.#failed = earlier.failed
    this.#unlisted = earlier.unlisted
    for (const { type, schemaVersion, today, events, failed, examples } of earlier.stored) {
      const row = this.#row(type, schemaVersion)
      if (row === undefined) {
        this.#unlisted += events
        continue
      }
      for (const name of today) row.today.add(name)
      row.events += events
      row.failed += failed
      row.examples.push(...examples.slice(0, this.#mostExamples))
    }
  }

  /** @throws InvalidInputError if a schema is asynchronous */
  add(event: RecordedEvent): void {
    const stored = schemaVersionOf(event.metadata)
    const row = this.#row(event.type, Number.isNaN(stored) ? 0 : stored)
    const { today, problems } = readToday(this.#known, event)
    this.#events++
    if (problems.length > 0) this.#failed++
    if (row === undefined) {
      this.#unlisted++
      return
    }
    row.events++
    for (const type of today) row.today.add(type)
    if (problems.length === 0) return
    row.failed++
    if (row.examples.length >= this.#mostExamples) return
    const { position, streamId, version } = event
    row.examples.push({ position, streamId, version, message: shortened(problems.join('; ')) })
  }

  /** Returns undefined for a kind that the catalogue lacks, after the first thousand. */
  #row(type: string, schemaVersion: number): Row | undefined {
    const key = `${schemaVersion} ${type}`
    const row = this.#rows.get(key)
    if (row !== undefined) return row
    const route = this.#known.routes.get(type)
    const isKnown = route !== undefined
    const newest = isKnown && !isParts(route) ? route.version : 1
    const isExpected = isKnown && schemaVersion >= 1 && schemaVersion <= newest
    if (!isExpected && ++this.#unknownKinds > mostUnknownKinds) return undefined
    const made: Row = { type, schemaVersion, isKnown, today: new Set(), events: 0, failed: 0, examples: [] }
    this.#rows.set(key, made)
    return made
  }

  result(after: number, position: number, isSample: boolean): CheckResult {
    const stored: StoredKind[] = [...this.#rows.values()]
      .map((row) => ({ ...row, today: [...row.today].sort(), examples: [...row.examples] }))
      .sort((a, b) => (a.type === b.type ? a.schemaVersion - b.schemaVersion : a.type < b.type ? -1 : 1))
    const unused = after > 0 ? [] : unusedUpcasts(this.#known, [...stored, ...writtenForms(this.#known)])
    return {
      ok: this.#failed === 0,
      events: this.#events,
      failed: this.#failed,
      after,
      position,
      isSample,
      stored,
      unlisted: this.#unlisted,
      unused: isSample ? unused.filter(({ schemaVersion }) => schemaVersion === undefined) : unused,
    }
  }
}

function readToday(known: KnownEvents, event: RecordedEvent) {
  const { events, unreadable } = upcast(known, [event])
  if (unreadable !== undefined) return { today: [], problems: [unreadable.message] }
  return {
    today: events.map(({ type }) => type),
    problems: events.flatMap((today) => problemsOf(known, today)),
  }
}

function problemsOf(known: KnownEvents, event: RecordedEvent): readonly string[] {
  try {
    return issueTexts(known, event)
  } catch (error) {
    // Without a cause, the schema is asynchronous: that is a mistake in the catalogue, and no finding of this event.
    if (!(error instanceof InvalidInputError) || error.cause === undefined) throw error
    return [error.message]
  }
}

function shortened(message: string): string {
  return message.length > longestMessage ? `${message.slice(0, longestMessage - 1)}…` : message
}
