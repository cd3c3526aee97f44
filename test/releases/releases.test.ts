/** Two processes of two releases work side by side, in each recipe of docs/changing-events.md. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Program, startProgram } from '../child-program.ts'
import { startGround } from '../dynamodb/ground.ts'
import { isMissing } from '../emulators/start.ts'
import { freshDatabase } from '../postgres/fresh-database.ts'
import { stores } from '../stores.ts'
import type { Answer, Ask, Failure, Handled, Place, Report } from './program.ts'
import { recipes } from './recipes.ts'

interface ReleaseGround {
  /** Creates the place of one test. */
  place(): Promise<Place>
  end(): Promise<void>
}

const grounds = [
  { name: 'pg', start: startPostgres },
  { name: 'dynoxide', start: () => startDynamo('dynoxide') },
  { name: 'dynamodb-local', start: () => startDynamo('dynamodb-local') },
].filter(({ name }) => stores.some((store) => store.name === name))

async function startPostgres(): Promise<ReleaseGround> {
  const database = await freshDatabase()
  let schemas = 0
  const place = async () => {
    schemas++
    return { url: database.url, schema: `release_${schemas}` }
  }
  return { place, end: () => database.drop() }
}

async function startDynamo(name: 'dynoxide' | 'dynamodb-local'): Promise<ReleaseGround> {
  const ground = await startGround(name)
  const place = async () => {
    const table = ground.table()
    await ground.open(table).store.schema.create()
    return { endpoint: ground.endpoint, table }
  }
  return { place, end: () => ground.end() }
}

/** A process, one question at a time. */
class Process {
  readonly #program: Program = startProgram(new URL('./program.ts', import.meta.url))

  async ask<T>(ask: Ask): Promise<T> {
    const answer = await this.#answer(ask)
    if ('failure' in answer) throw new Error(`${JSON.stringify(ask)} failed: ${answer.failure.message}`)
    return answer.value as T
  }

  /** Asks for what must fail. */
  async failure(ask: Ask): Promise<Pick<Failure, 'code' | 'reason'>> {
    const answer = await this.#answer(ask)
    if (!('failure' in answer)) throw new Error(`${JSON.stringify(ask)} did not fail`)
    const { code, reason } = answer.failure
    return { code, reason }
  }

  #answer(ask: Ask): Promise<Answer> {
    this.#program.tell(ask)
    return this.#program.said<Answer>()
  }

  report(): Promise<Report> {
    return this.ask({ kind: 'report' })
  }

  /** Waits until the subscription of the process was in this state. */
  async reaches(state: Report['states'][number]): Promise<void> {
    const end = performance.now() + 20_000
    for (;;) {
      const { states } = await this.report()
      if (states.includes(state)) return
      if (performance.now() > end) throw new Error(`the process was only ${states.join(', ')}`)
      await sleep(20)
    }
  }

  kill(): Promise<void> {
    return this.#program.kill()
  }
}

it('the page has no recipe without a test', () => {
  const [, section = ''] = readFileSync('docs/changing-events.md', 'utf8').split('\n## Recipes\n')
  const headings = [...(section.split('\n## ')[0] ?? '').matchAll(/^### (.*)$/gm)].map(
    ([, heading]) => heading,
  )
  expect(new Set(Object.values(recipes).map(({ heading }) => heading))).toEqual(new Set(headings))
})

describe.each(grounds)('on $name', ({ name, start }) => {
  const missing = name.startsWith('dyn') ? isMissing(name as 'dynoxide') : undefined
  let ground: ReleaseGround
  let [older, newer]: Process[] = []

  beforeAll(async () => {
    if (missing !== undefined) return
    ground = await start()
    older = new Process()
    newer = new Process()
  })
  afterAll(async () => {
    await Promise.all([older?.kill(), newer?.kill()])
    await ground?.end()
  })

  const both = () => ({ older: older as Process, newer: newer as Process })

  /** Opens two releases, and starts the subscription of the older one before that of the newer one. */
  async function deploy(
    place: Place,
    recipe: string,
    releases: readonly ['before' | 'first', 'first' | 'after'],
  ) {
    const { older, newer } = both()
    await older.ask({ kind: 'open', place, recipe, release: releases[0] })
    await newer.ask({ kind: 'open', place, recipe, release: releases[1] })
    await older.ask({ kind: 'subscribe' })
    await older.reaches('live')
    await newer.ask({ kind: 'subscribe' })
  }

  async function closeBoth(): Promise<void> {
    const { older, newer } = both()
    await Promise.all([older.ask({ kind: 'close' }), newer.ask({ kind: 'close' })])
  }

  /** Returns what each process has handled, and checks that each position came to one process, and in order. */
  async function checkedReports(): Promise<readonly [Report, Report]> {
    const { older, newer } = both()
    await newer.ask({ kind: 'caughtUp' })
    const reports = [await older.report(), await newer.report()] as const
    const positionsOf = (handled: readonly Handled[]) => [...new Set(handled.map(({ position }) => position))]
    const all = reports.flatMap(({ handled }) => positionsOf(handled))
    expect(new Set(all).size, 'each event came to one process').toBe(all.length)
    for (const { handled, states } of reports) {
      const positions = handled.map(({ position }) => position)
      expect(positions).toEqual([...positions].sort((a, b) => a - b))
      expect(states).not.toContain('parking')
      expect(states).not.toContain('failed')
    }
    return reports
  }

  describe.skipIf(missing !== undefined).each(Object.entries(recipes))('%s', (recipe, details) => {
    const { first, unreadable, dropped = [], before, after, today } = details

    it(`in one deployment: ${unreadable === undefined ? 'the older process notices nothing' : 'the older process leaves its work to the newer one'}`, async () => {
      const place = await ground.place()
      await deploy(place, recipe, ['before', 'after'])
      const { older, newer } = both()
      const positions: number[] = []
      const append = async (process: Process, streamId: string) =>
        void positions.push(...(await process.ask<number[]>({ kind: 'append', streamId })))
      await append(older, 'old')
      expect(await newer.ask({ kind: 'read', streamId: 'old' })).toEqual(today)
      expect(await newer.ask({ kind: 'command', streamId: 'old' })).toBe(
        before.writes.length + after.writes.length,
      )
      await append(newer, 'new')
      if (unreadable === undefined) {
        expect(await older.ask({ kind: 'command', streamId: 'old' })).toBe(
          2 * before.writes.length + after.writes.length,
        )
        expect(await older.ask({ kind: 'runOnce' })).toBeGreaterThan(0)
      } else {
        const { length } = after.writes
        for (const kind of ['command', 'read'] as const) {
          const refusal = { code: 'unreadable-event', reason: unreadable }
          expect(await older.failure({ kind, streamId: 'new' })).toEqual(refusal)
        }
        expect(await older.ask({ kind: 'version', streamId: 'new' })).toBe(length)
        const failed = { code: 'subscription-failed', reason: unreadable }
        expect(await older.failure({ kind: 'runOnce' })).toEqual(failed)
        await older.reaches('outdated')
      }
      await append(older, 'other')
      const [ofOlder, ofNewer] = await checkedReports()
      expect(ofOlder.states.includes('outdated')).toBe(unreadable !== undefined)
      const seen = new Set([...ofOlder.handled, ...ofNewer.handled].map(({ position }) => position))
      if (dropped.length === 0) for (const position of positions) expect(seen).toContain(position)

      // After the upgrade, every process reads everything.
      await older.ask({ kind: 'close' })
      await older.ask({ kind: 'open', place, recipe, release: 'after' })
      await older.ask({ kind: 'subscribe' })
      await newer.ask({ kind: 'close' })
      const later = await older.ask<number[]>({ kind: 'append', streamId: 'new' })
      await older.ask({ kind: 'caughtUp' })
      const upgraded = await older.report()
      expect(upgraded.handled.map(({ position }) => position)).toEqual(later)
      expect(await older.ask({ kind: 'command', streamId: 'new' })).toBe(3 * after.writes.length)
      await older.ask({ kind: 'close' })
    })

    if (first === undefined) return
    it('in two deployments: no process notices anything', async () => {
      const place = await ground.place()
      const seen: Handled[] = []
      const positions: number[] = []
      for (const releases of [
        ['before', 'first'],
        ['first', 'after'],
      ] as const) {
        await deploy(place, recipe, releases)
        const { older, newer } = both()
        for (const process of [older, newer, older, newer]) {
          positions.push(...(await process.ask<number[]>({ kind: 'append', streamId: 'a' })))
          await process.ask({ kind: 'command', streamId: 'b' })
        }
        expect(await older.ask({ kind: 'runOnce' })).toBeGreaterThan(0)
        for (const report of await checkedReports()) {
          expect(report.states).not.toContain('outdated')
          seen.push(...report.handled)
        }
        await closeBoth()
      }
      const handled = new Set(seen.map(({ position }) => position))
      for (const position of positions) expect(handled).toContain(position)
    })
  })
})
