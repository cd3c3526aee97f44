/** The inline projections of a schedule, and what their documents must be. */
import type { RecordedEvent } from '../../../src/event.ts'
import type { Projection } from '../../../src/projection/projection.ts'
import type { Library } from './library.ts'

/** A projection into documents that many appends share. */
export const boardName = 'board'
/** A collection that a raw projection writes. It reads one document, and writes another one. */
export const copiesName = 'copies'

interface EventData {
  readonly name: string
  readonly mark: number
}

export type BoardState = { readonly names: readonly string[] }

const dataOf = ({ data }: RecordedEvent) => data as EventData

export const boardKeysOf = (streamId: string): readonly string[] => [
  streamId,
  `group-${streamId.charCodeAt(0) % 2}`,
]

/** Some events delete the document, and some do not change it. */
export function evolveBoard(state: BoardState, event: RecordedEvent): BoardState | null {
  const { name, mark } = dataOf(event)
  if (mark === 0) return null
  return mark < 3 ? state : { names: [...state.names, name] }
}

export const emptyBoard: BoardState = { names: [] }

/** Whether an event is written to the collection as the one that later copies show. */
const isShown = (event: RecordedEvent) => dataOf(event).mark % 3 === 0

/** Applies an event to the collection `copies`: it depends on one document, and writes another one. */
export function copy(event: RecordedEvent, states: Map<string, string>): void {
  states.set(event.streamId, `${dataOf(event).name} after ${states.get('shown') ?? 'none'}`)
  if (isShown(event)) states.set('shown', dataOf(event).name)
}

/** `library`: as a schedule runs it. */
export function projectionsOf({ projection }: Library): Projection[] {
  return [
    projection({
      name: boardName,
      key: ({ streamId }: RecordedEvent) => boardKeysOf(streamId),
      initialState: () => emptyBoard,
      evolve: evolveBoard,
    }),
    projection({
      name: 'copying',
      async handle(events, tx) {
        const copies = tx.documents<string>(copiesName)
        const states = new Map<string, string>()
        const shown = await copies.get('shown')
        if (shown !== undefined) states.set('shown', shown)
        for (const event of events) copy(event, states)
        for (const [key, state] of states) if (state !== shown) await copies.put(key, state)
      },
    }),
  ]
}
