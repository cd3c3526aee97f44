/** Callers in several processes race for the same new streams: one wins each stream, and the others get a conflict. */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { collect, logOf, range } from '../../src/conformance/events.ts'
import { rounds } from '../rounds.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import type { Outcomes } from './programs/racer.ts'
import { type Program, startProgram } from './programs.ts'

let database: FreshDatabase
let store: PostgresStore
let racers: Program[]

beforeEach(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  await store.schema.create()
  racers = []
})

afterEach(async () => {
  await Promise.all(racers.map((racer) => racer.kill()))
  await store.close()
  await database.drop()
})

const names = 30 * rounds

it.each([500, 1])(
  `of 32 racers in 4 processes one wins each of ${names} streams, with groups of up to %i`,
  async (maxBatch) => {
    racers = range(1, 4).map(() => startProgram('racer', database.url, String(maxBatch)))
    await Promise.all(racers.map((racer) => racer.said()))
    for (const number of range(1, names)) {
      for (const racer of racers) racer.tell(`stream-${number}`)
      const outcomes = await Promise.all(racers.map((racer) => racer.said<Outcomes>()))
      expect(outcomes.flatMap(({ others }) => others)).toEqual([])
      const count = (what: 'won' | 'refused') => outcomes.reduce((sum, one) => sum + one[what], 0)
      expect({ won: count('won'), refused: count('refused') }, `stream-${number}`).toEqual({
        won: 1,
        refused: 31,
      })
    }
    for (const racer of racers) racer.tell('')
    for (const racer of racers) expect(await racer.ended).toEqual({ exitCode: 0, complaints: '' })
    // Each stream has one append, and no event of a refused one.
    const log = await logOf(store)
    const streams = await collect(store.listStreams())
    expect(streams.length).toBe(names)
    expect(log.length).toBe(streams.reduce((sum, { version }) => sum + version, 0))
    expect(Math.max(...streams.map(({ version }) => version))).toBeLessThanOrEqual(3)
  },
  30_000 + 60_000 * rounds,
)
