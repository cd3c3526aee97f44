/** Writers and subscribers in processes that are killed, suspended for longer than their lease, and started again. */
import type { RecordedEvent } from '@eventsourced/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sleep } from '../../src/runtime/abort.ts'
import { type Program, startProgram, startSkewed } from '../child-program.ts'
import { emulators, type Ground, startGround } from '../dynamodb/ground.ts'
import type { Seen } from '../dynamodb/seen.ts'

const streams = 6
const partitions = 3
const leaseTime = 800

describe.each(emulators)('processes on %s', (name) => {
  let ground: Ground
  const programs: Program[] = []
  beforeAll(async () => {
    ground = await startGround(name)
  })
  afterAll(async () => {
    await Promise.all(programs.map((program) => program.kill()))
    await ground?.end()
  })

  type Clocks = (program: 'writer' | 'subscriber') => number | 'steps' | undefined

  async function killAndStop(clocks: Clocks): Promise<readonly RecordedEvent[]> {
    const table = ground.table()
    const { store } = ground.open(table, { gapTimeout: 300 })
    await store.schema.create()
    const acknowledged = new Map<string, number>()
    const start = (program: 'writer' | 'subscriber', ...words: readonly number[]) => {
      const file = new URL(`../dynamodb/programs/${program}.ts`, import.meta.url)
      const [clock, own] = [clocks(program), [ground.endpoint, table, ...words.map(String)]]
      const started = clock === undefined ? startProgram(file, ...own) : startSkewed(clock, file, ...own)
      programs.push(started)
      return started
    }
    const startWriter = () => {
      const writer = start('writer', streams)
      const listen = async () => {
        for (;;) {
          const { name, position } = await writer.said<{ name: string; position: number }>()
          acknowledged.set(name, position)
        }
      }
      // `said` rejects when the program ends.
      listen().catch(() => {})
      return writer
    }
    const startSubscriber = () => start('subscriber', partitions, leaseTime)

    let writers = [startWriter(), startWriter()]
    let subscribers = [startSubscriber(), startSubscriber()]
    await Promise.all(subscribers.map((subscriber) => subscriber.said()))
    const hasAppended = (writer: Program | undefined) =>
      [...acknowledged.keys()].some((name) => name.startsWith(`${writer?.pid}-`))
    for (let round = 0; round < 6; round++) {
      await sleep(500)
      // On a busy machine the writers need longer. The one that is killed next must append first: its clock may be ahead.
      while (acknowledged.size < 6 * (round + 1) || !hasAppended(writers[0])) await sleep(20)
      const killed = round % 2 === 0 ? writers[0] : subscribers[0]
      await killed?.kill()
      if (round % 2 === 0) writers = [...writers.slice(1), startWriter()]
      else subscribers = [...subscribers.slice(1), startSubscriber()]
      if (round !== 3) continue
      // A process that is suspended for longer than its lease, and then continues.
      const zombie = subscribers[0] as Program
      process.kill(zombie.pid, 'SIGSTOP')
      await sleep(2.5 * leaseTime)
      process.kill(zombie.pid, 'SIGCONT')
    }
    await Promise.all(writers.map((writer) => writer.kill()))

    const log: RecordedEvent[] = []
    for await (const event of store.readAll()) log.push(event)
    const positions = new Map(log.map(({ data, position }) => [(data as { name: string }).name, position]))
    expect(positions.size).toBe(log.length)
    const lost = [...acknowledged].filter(([name, position]) => positions.get(name) !== position)
    expect(lost).toEqual([])
    expect(acknowledged.size).toBeGreaterThan(30)

    const end = log.at(-1)?.position ?? 0
    const isBehind = async () => ((await store.subscriptionStatus('seen'))?.checkpoint ?? 0) < end
    while (await isBehind()) await sleep(50)
    for (let stream = 0; stream < streams; stream++) {
      const count = log.filter(({ streamId }) => streamId === `s-${stream}`).length
      const seen = await store.view<Seen>('seen').get(`s-${stream}`)
      expect(seen?.state).toEqual({ count, last: count, faults: 0 })
    }
    return log
  }

  it('that are killed and suspended at any moment lose no event, and count each once and in order', {
    timeout: 180_000,
  }, async () => {
    await killAndStop(() => undefined)
  })

  it('do so with wrong clocks, and times in a stream never decrease', { timeout: 180_000 }, async () => {
    const [day, year] = [86_400_000, 365 * 86_400_000]
    const all = [year, -day, 'steps'] as const
    const started = { writer: 0, subscriber: 0 }
    const log = await killAndStop((program) => all[started[program]++ % 3])
    for (let stream = 0; stream < streams; stream++) {
      const times = log
        .filter(({ streamId }) => streamId === `s-${stream}`)
        .map(({ recordedAt }) => recordedAt.getTime())
      expect(times).toEqual(times.toSorted((a, b) => a - b))
    }
    // Check that the clocks really were wrong.
    expect(log.some(({ recordedAt }) => recordedAt.getTime() > Date.now() + day)).toBe(true)
  })
})
