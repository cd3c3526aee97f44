/** Where the events of a trace stand in its graph: one lane per stream, and time from left to right. */
import type { TracedEventShape } from '../../../../src/console/shapes/event.ts'

export interface PlacedEvent {
  readonly event: TracedEventShape
  readonly lane: number
  readonly column: number
}

export interface GraphLayout {
  /** The streams, from top to bottom. */
  readonly lanes: readonly string[]
  readonly columns: number
  readonly events: readonly PlacedEvent[]
  /** From each cause to its effects. */
  readonly arrows: readonly { readonly from: PlacedEvent; readonly to: PlacedEvent }[]
}

/**
 * Places events by their positions. No event stands left of an earlier one, and each stands right of its cause and of the event
 * before it in its lane. Events of other lanes may share a column, so that the graph is not wider than it must be.
 */
export function layout(events: readonly TracedEventShape[]): GraphLayout {
  const lanes: string[] = []
  const freeColumns: number[] = []
  const placed = new Map<string, PlacedEvent>()
  let column = 0
  for (const event of [...events].sort((one, other) => one.position - other.position)) {
    let lane = lanes.indexOf(event.streamId)
    if (lane < 0) lane = lanes.push(event.streamId) - 1
    const cause = event.cause === undefined ? undefined : placed.get(event.cause)
    column = Math.max(column, freeColumns[lane] ?? 0, cause === undefined ? 0 : cause.column + 1)
    freeColumns[lane] = column + 1
    placed.set(event.id, { event, lane, column })
  }
  const all = [...placed.values()]
  const arrows = all.flatMap((to) => {
    const from = to.event.cause === undefined ? undefined : placed.get(to.event.cause)
    return from === undefined || from === to ? [] : [{ from, to }]
  })
  return { lanes, columns: all.length === 0 ? 0 : column + 1, events: all, arrows }
}
