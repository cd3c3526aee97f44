/** Tests what processes do to one subscription at the same time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { latch } from '../../src/conformance/expect.ts'
import type { RegisteredSubscription } from '../../src/storage/registry.ts'
import type { KeptLeases, Lease } from '../../src/storage/subscriptions.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { beatOf, definitionOf, keepOne, type Process, startProcess } from './processes.ts'

const leaseTime = 60_000
const rounds = 8

describe.each(oneEmulator)('processes that meet at a subscription on %s', (emulator) => {
  let ground: Ground
  let table: string
  beforeAll(async () => {
    ground = await startGround(emulator)
    table = ground.table()
    await ground.open(table).store.schema.create()
  })
  afterAll(() => ground?.end())

  const start = () => startProcess(ground, table)
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

  it.each(numbers(rounds))('register it once (%i)', async (round) => {
    const name = `registered-${round}`
    const all = numbers(8).map(start)
    const registered = await Promise.all(
      all.map(({ storage }, index) => storage.createSubscription(name, definitionOf(index + 1), index)),
    )
    const [first] = registered as [RegisteredSubscription]
    expect(registered).toEqual(registered.map(() => first))
    for (const { storage } of all) {
      const positions = (await storage.checkpoints(name)).map(({ position }) => position)
      expect(positions).toEqual(numbers(first.partitions).map(() => first.partitions - 1))
    }
    expect(await start().storage.listSubscriptions('registered', 1_000)).toContainEqual(first)
    const headers = (await ground.items(`${table}_log`)).filter(
      (item) => item.s?.S === 'a' && item.name?.S === name,
    )
    expect(headers).toHaveLength(1)
  })

  it.each(numbers(rounds))('change it once, of all that have read the same revision (%i)', async (round) => {
    const current = await start().storage.createSubscription(`changed-${round}`, definitionOf(3), 5)
    const all = numbers(6).map(start)
    const results = await Promise.all(
      all.map(({ storage }, index) => {
        if (index % 3 === 0) return storage.changeSubscription(current, { partitions: index + 1 })
        if (index % 3 === 1) return storage.changeSubscription(current, { position: index + 1, again: true })
        return storage.takeOverSubscription(current, `${current.name}-${index}`, definitionOf(2))
      }),
    )
    expect(results.filter((isDone) => isDone)).toHaveLength(1)
    const winner = results.indexOf(true)
    const { storage } = start()
    const name = winner % 3 === 2 ? `${current.name}-${winner}` : current.name
    const positions = (await storage.checkpoints(name)).map(({ position }) => position)
    const expected = [numbers(winner + 1).map(() => 5), numbers(3).map(() => winner + 1), [5, 5]]
    expect(positions).toEqual(expected[winner % 3])
    for (const index of [2, 5]) {
      const successor = await storage.readSubscription(`${current.name}-${index}`)
      expect(successor !== undefined).toBe(index === winner)
    }
  })

  it.each(numbers(rounds))(
    'move no checkpoint after a takeover, and lose no move before it (%i)',
    async (round) => {
      const [one, other] = [start(), start()]
      const current = await one.storage.createSubscription(`advanced-${round}`, definitionOf(4), 0)
      const { leases } = await keepOne(one.storage, beatOf(current, 'one', leaseTime))
      const moved = leases.map(() => 0)
      const advance = async (lease: Lease, index: number) => {
        for (let position = 1; ; position++) {
          const [outcome] = await one.storage.advance([{ lease, position }])
          if (outcome !== 'moved') return outcome
          moved[index] = position
        }
      }
      const advancing = leases.map(advance)
      await new Promise((resolve) => setTimeout(resolve, 5 * round))
      const successor = `${current.name}-successor`
      expect(await other.storage.takeOverSubscription(current, successor, definitionOf(4))).toBe(true)
      expect(await Promise.all(advancing)).toEqual(leases.map(() => 'lost'))
      const positions = (await other.storage.checkpoints(successor)).map(({ position }) => position)
      expect(positions).toEqual(moved)
    },
  )

  it.each(numbers(rounds))('lease each partition to one worker, beside a takeover (%i)', async (round) => {
    const current = await start().storage.createSubscription(`leased-${round}`, definitionOf(6), 0)
    const successor = `${current.name}-successor`
    const place = current.place as string
    const beats = (worker: string) => [
      beatOf(current, worker, leaseTime),
      beatOf({ name: successor, place }, `${worker} of the successor`, leaseTime),
    ]
    const all: readonly Process[] = numbers(3).map(start)
    let isTakenOver = false
    const last: (readonly KeptLeases[])[] = []
    const beating = all.map(async ({ storage }, index) => {
      // After the takeover, each process has more heartbeats, so that all of them have their shares.
      for (let after = 0; after < 4; ) {
        if (isTakenOver) after++
        const [old, next] = beats(`worker-${index}`) as [never, never]
        const answers = await storage.keepLeases([old, next])
        last[index] = answers
        const kept = answers[1]
        if (kept?.kind !== 'kept') continue
        await storage.releaseLeases(kept.leases.slice(kept.share), `worker-${index} of the successor`)
      }
    })
    await new Promise((resolve) => setTimeout(resolve, 5 * round))
    expect(await start().storage.takeOverSubscription(current, successor, definitionOf(6))).toBe(true)
    isTakenOver = true
    await Promise.all(beating)
    expect(last.map(([old]) => old?.kind)).toEqual(all.map(() => 'superseded'))
    const leases = last.flatMap(([, kept]) => (kept?.kind === 'kept' ? kept.leases : []))
    const valid = await all[0]?.storage.advance(leases.map((lease) => ({ lease, position: 7 })))
    const held = leases.filter((_, index) => valid?.[index] === 'moved').map(({ partition }) => partition)
    expect(held.sort()).toEqual(numbers(6))
  })

  it('take no lease of a checkpoint that a change has closed', async () => {
    const [one, changer] = [start(), start()]
    const current = await one.storage.createSubscription('closed', definitionOf(1), 10)
    const [takes, take, puts, put] = [latch(), latch(), latch(), latch()]
    one.faults.before(async ({ input }) => {
      if (!JSON.stringify(input).includes(':worker')) return undefined
      takes.release()
      await take.released
      return undefined
    })
    changer.faults.before(async ({ input }) => {
      if (!/ConditionCheck.*"Put"/.test(JSON.stringify(input))) return undefined
      puts.release()
      await put.released
      return undefined
    })
    const keeping = keepOne(one.storage, beatOf(current, 'one', leaseTime))
    await takes.released
    const definition = definitionOf(1, { types: ['A'] })
    const changing = changer.storage.changeSubscription(current, { definition })
    await puts.released
    take.release()
    const [lease] = (await keeping).leases
    expect(await one.storage.advance([{ lease: lease as Lease, position: 50 }])).toEqual(['moved'])
    put.release()
    expect(await changing).toBe(true)
    expect((await one.storage.checkpoints('closed')).map(({ position }) => position)).toEqual([50])
  })
})
