/** Checks that the documents of the inline projections are folded in the order of the log. */
import { strict as assert } from 'node:assert'
import type { RecordedEvent } from '../../../src/event.ts'
import type { StoredDocument } from '../../../src/storage/projections.ts'
import { Acknowledged } from './checks.ts'
import type { History } from './history.ts'
import { type BoardState, boardKeysOf, copy, emptyBoard, evolveBoard } from './projections.ts'
import type { Truth } from './truth.ts'

/** A document after each of its events. */
type Versions = readonly { readonly position: number; readonly state: BoardState | null }[]

function versionsOf(key: string, events: readonly RecordedEvent[]): Versions {
  let state: BoardState | null = null
  return events.flatMap((event) => {
    if (!boardKeysOf(event.streamId).includes(key)) return []
    state = evolveBoard(state ?? emptyBoard, event)
    return [{ position: event.position, state }]
  })
}

/** Each document that was read is the fold of the log up to its position, and has what was acknowledged before. */
export function checkDocumentReads(history: History, truth: Truth): void {
  const acknowledged = new Acknowledged(history)
  for (const { key, document, begunAt } of history.documents) {
    const versions = versionsOf(key, truth.events)
    const known = acknowledged.position(begunAt)
    const oldest = versions.findLastIndex(({ position }) => position <= known)
    const possible = versions.slice(Math.max(0, oldest))
    if (document === undefined) {
      assert(oldest === -1 || possible.some(({ state }) => state === null), `document '${key}' was missing`)
      continue
    }
    const found = possible.find(({ position }) => position === document.position)
    assert(
      found !== undefined,
      `document '${key}' was at ${document.position}, and ${known} was acknowledged`,
    )
    assert.deepEqual(JSON.parse(document.state), found.state, `document '${key}' at ${document.position}`)
  }
}

/** `board`, `copies`: all documents, at the end. */
export function checkDocuments(
  truth: Truth,
  board: readonly StoredDocument[],
  copies: readonly StoredDocument[],
): void {
  const boards: [string, number, BoardState][] = []
  for (const key of new Set(truth.events.flatMap(({ streamId }) => boardKeysOf(streamId)))) {
    const { position = 0, state = null } = versionsOf(key, truth.events).at(-1) ?? {}
    if (state !== null) boards.push([key, position, state])
  }
  assert.deepEqual(
    board.map(({ key, position, state }) => [key, position, JSON.parse(state)]).sort(),
    boards.sort(),
    'the documents of the projection',
  )
  const states = new Map<string, string>()
  for (const event of truth.events) copy(event, states)
  assert.deepEqual(
    copies.map(({ key, state }) => [key, JSON.parse(state)]).sort(),
    [...states].sort(),
    'the documents of the raw projection',
  )
}
