/**
 * Commands of four processes on one stream. The fault: each command loses its races against those of the other processes
 * until its retries are used up.
 */
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { range, streamOf } from '../../src/conformance/events.ts'
import { rounds } from '../rounds.ts'
import { type FreshDatabase, freshDatabase } from './fresh-database.ts'
import type { CommandOutcomes, Counted } from './programs/commander.ts'
import { type Program, startProgram } from './programs.ts'

let database: FreshDatabase
let store: PostgresStore
let commanders: Program[]

beforeEach(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  await store.schema.create()
  commanders = []
})

afterEach(async () => {
  await Promise.all(commanders.map((commander) => commander.kill()))
  await store.close()
  await database.drop()
})

it.each([25, 100])(
  'a command handler with all defaults handles all of %i commands at once on one stream from each of 4 processes',
  async (count) => {
    commanders = range(1, 4).map((number) =>
      startProgram('commander', database.url, String(number), String(count)),
    )
    await Promise.all(commanders.map((commander) => commander.said()))
    for (const streamId of range(1, rounds).map(String)) {
      for (const commander of commanders) commander.tell(streamId)
      const outcomes = await Promise.all(commanders.map((commander) => commander.said<CommandOutcomes>()))
      expect(outcomes).toEqual(range(1, 4).map(() => ({ handled: count, errors: [] })))
      const events = await streamOf(store, streamId)
      const decided = events.map(({ data }) => data as Counted['data'])
      expect(decided.map(({ after }) => after)).toEqual(range(0, 4 * count - 1))
      // Each process handles its commands in the order of its calls.
      for (const number of range(1, 4)) {
        const own = decided.map(({ by }) => by).filter((by) => by.startsWith(`${number} `))
        expect(own).toEqual(range(1, count).map((command) => `${number} ${command}`))
      }
    }
    for (const commander of commanders) commander.tell('')
    for (const commander of commanders) expect(await commander.ended).toEqual({ exitCode: 0, complaints: '' })
  },
  60_000 + 60_000 * rounds,
)
