/**
 * Two releases of a program in one campaign. The former release has no catalogue: it writes data of version 1, and an event
 * that the present release reads as two. The present release reads both through its catalogue.
 *
 *     former release    Happened3 { label }      OldHappened15 { label }
 *     present release   Happened3 { name }       Happened15 { name, isSplit } and Noted { of }
 */
import { type Catalogue, defineEvents, payload, type RecordedEvent } from '@eventsourced/core'
import { type Seen, shards, type Trace, type TracedEvent, typeOf } from './operation.ts'

/** The second part of a split event. */
export type Noted = { readonly type: 'Noted'; readonly data: { readonly of: string } }

/** The data of an event of the former release. */
interface FormerTrace {
  readonly label: string
  readonly seen?: Seen
}

const splitType = typeOf(shards - 1)
const formerNameOf = (type: string) => (type === splitType ? `Old${type}` : type)

const traceOf = ({ label, ...rest }: FormerTrace): Trace => ({ ...rest, name: label })

const types = Array.from({ length: shards }, (_, shard) => typeOf(shard))
const upcasts = {
  ...Object.fromEntries(types.map((type) => [type, { 1: traceOf }])),
  [formerNameOf(splitType)]: {
    [splitType]: (data: FormerTrace): Trace => ({ ...traceOf(data), isSplit: true }),
    Noted: ({ label }: FormerTrace) => ({ of: label }),
  },
}

/** The catalogue of the present release. */
export const releaseEvents: Catalogue<TracedEvent | Noted> = defineEvents(
  { ...Object.fromEntries(types.map((type) => [type, payload<Trace>()])), Noted: payload<Noted['data']>() },
  // The compiler cannot check names that are made at run time.
  { upcasts: upcasts as never },
) as Catalogue<TracedEvent | Noted>

/** Returns an event as the former release writes it. */
export function ofFormerRelease({ type, data, ...rest }: TracedEvent & { readonly id: string }) {
  const { name, ...seen } = data
  return { ...rest, type: formerNameOf(type), data: { ...seen, label: name } satisfies FormerTrace }
}

/** Returns the data of an event in the shape of the present release, for the projections of both releases. */
export function presentTrace(data: Trace | FormerTrace): Trace {
  return 'label' in data ? traceOf(data) : data
}

export function isNoted(event: RecordedEvent): boolean {
  return event.type === 'Noted'
}

/** Checks that the two parts of each split event come together, in order. */
export class SplitEvents {
  #first: RecordedEvent | undefined

  /** @throws Error if a part is missing, or came at another place */
  add(events: Iterable<RecordedEvent>): void {
    for (const event of events) {
      const first = this.#first
      const { position, version } = event
      const isSecond = isNoted(event) && first?.position === position && first.version === version
      if (isSecond !== (first !== undefined) || (!isSecond && isNoted(event))) {
        throw new Error(`the parts of the event at ${first?.position ?? position} did not come together`)
      }
      this.#first = (event.data as Trace).isSplit ? event : undefined
    }
  }

  /** @throws Error if the second part of the last event is missing */
  end(): void {
    if (this.#first !== undefined) this.add([{ ...this.#first, position: 0 }])
  }
}
