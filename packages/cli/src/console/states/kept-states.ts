/**
 * Keeps states of long streams at some of their versions, so that each step of a slider folds a few hundred events, and not
 * all of them. What it keeps is bounded, over all streams and deciders.
 */
import { jsonOf } from '../../json-of.ts'
import { plainCopy } from './plain-copy.ts'

/** The state after an event, and the id of that event: if another event has the version, the stream is another one. */
export interface KeptState {
  readonly version: number
  readonly eventId: string
  readonly state: unknown
}

interface Kept extends KeptState {
  readonly characters: number
}

/** How many events are between two kept states of a stream, as long as it has few of them. */
const leastDistance = 250
const mostStates = 64

interface Series {
  distance: number
  states: Kept[]
}

export class KeptStates {
  /** By stream and decider, the one that was used last at the end. */
  readonly #series = new Map<string, Series>()
  readonly #mostCharacters: number
  #characters = 0

  /** `mostCharacters`: how large all kept states may be together, as JSON. */
  constructor(mostCharacters = 32_000_000) {
    this.#mostCharacters = mostCharacters
  }

  /** Returns a copy of the last state that is kept at or before a version. */
  before(streamId: string, decider: string, version: number): KeptState | undefined {
    const key = keyOf(streamId, decider)
    const series = this.#series.get(key)
    if (series === undefined) return undefined
    this.#series.delete(key)
    this.#series.set(key, series)
    const kept = series.states.findLast((one) => one.version <= version)
    return kept && { ...kept, ...plainCopy(kept.state) }
  }

  /** Whether it would keep the state of this version. */
  isWanted(streamId: string, decider: string, version: number): boolean {
    const { distance, states } = this.#series.get(keyOf(streamId, decider)) ?? noStates
    const place = Math.floor(version / distance)
    return place > 0 && !states.some((one) => Math.floor(one.version / distance) === place)
  }

  /** Keeps a copy of a state. A state that cannot be copied, or that is too large, is not kept. */
  keep(streamId: string, decider: string, { version, eventId, state }: KeptState): void {
    const copy = plainCopy(state)
    const characters = copy && sizeOf(copy.state)
    if (characters === undefined || characters > this.#mostCharacters) return
    const key = keyOf(streamId, decider)
    const series = this.#series.get(key) ?? { distance: leastDistance, states: [] }
    this.#series.set(key, series)
    series.states.push({ version, eventId, characters, ...(copy as { state: unknown }) })
    series.states.sort((one, other) => one.version - other.version)
    this.#characters += characters
    if (series.states.length > mostStates) this.#thin(series)
    for (const oldest of this.#series.keys()) {
      if (this.#characters <= this.#mostCharacters) return
      if (oldest !== key) this.#forget(oldest)
    }
    while (this.#characters > this.#mostCharacters) this.#thin(series)
  }

  forget(streamId: string, decider: string): void {
    this.#forget(keyOf(streamId, decider))
  }

  /** Keeps every other state, at twice the distance. */
  #thin(series: Series): void {
    series.distance *= 2
    const places = new Set<number>()
    series.states = series.states.filter(({ version, characters }) => {
      const place = Math.floor(version / series.distance)
      const stays = place > 0 && !places.has(place)
      places.add(place)
      if (!stays) this.#characters -= characters
      return stays
    })
  }

  #forget(key: string): void {
    for (const { characters } of this.#series.get(key)?.states ?? []) this.#characters -= characters
    this.#series.delete(key)
  }
}

const noStates: Series = { distance: leastDistance, states: [] }

/** The size of a state as JSON. Each one counts as a few hundred characters more, for what is kept beside it. */
const sizeOf = (state: unknown): number => JSON.stringify(jsonOf(state)).length + 300

const keyOf = (streamId: string, decider: string) => JSON.stringify([streamId, decider])
