/** Tests the heartbeat of a process: what it costs, which processes count as dead, and what it answers between two reads. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RegisteredSubscription } from '../../src/storage/registry.ts'
import type { WorkerBeat } from '../../src/storage/subscriptions.ts'
import { lost } from '../worlds/faulty-client.ts'
import { type Ground, oneEmulator, startGround, stopClock } from './ground.ts'
import { beatOf, definitionOf, keepOne, leasesOf, type Process, startProcess } from './processes.ts'
import { countUnits } from './units.ts'

const leaseTime = 5_000

describe.each(oneEmulator)('heartbeats on %s', (emulator) => {
  let ground: Ground
  let table: string
  let letTimePass: (milliseconds: number) => void
  beforeAll(async () => {
    ground = await startGround(emulator)
  })
  afterAll(() => ground?.end())
  beforeEach(() => {
    letTimePass = stopClock()
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })

  async function start(processes: number): Promise<[Process, ...Process[]]> {
    table = ground.table()
    await ground.open(table).store.schema.create()
    return Array.from({ length: processes }, () => startProcess(ground, table)) as [Process, ...Process[]]
  }

  const register = ({ storage }: Process, names: readonly string[], partitions = 1) =>
    Promise.all(names.map((name) => storage.createSubscription(name, definitionOf(partitions), 0)))

  const namesOf = (count: number) => Array.from({ length: count }, (_, index) => `subscription-${index}`)

  it.runIf(emulator === 'dynoxide')(
    'of a process with 50 idle subscriptions cost 8 write units and 99 read units in 48 s',
    async () => {
      const leaseTime = 15_000
      const [one, other] = (await start(2)) as [Process, Process]
      const registered = await register(one, namesOf(50))
      const beats = registered.map((current) => beatOf(current, 'one', leaseTime))
      const others = registered.map((current) => beatOf(current, 'other', leaseTime))
      const beat = async () => {
        await Promise.all([one.storage.keepLeases(beats), other.storage.keepLeases(others)])
        letTimePass(2_000)
      }
      for (let settling = 0; settling < 3; settling++) await beat()
      const units = countUnits(one.faults)
      for (let nth = 0; nth < 24; nth++) await beat()
      expect(units.writes).toBe(48 / 6)
      // With each heartbeat: the change number, and the heartbeat of the other process. Each 16 s: the 50 subscriptions.
      expect(units.reads).toBe(24 * (0.5 + 0.5) + 3 * 25)
    },
  )

  it('say how long ago they have renewed the leases', async () => {
    const [one] = await start(1)
    const [current] = (await register(one, ['renewed'])) as [RegisteredSubscription]
    const beat = beatOf(current, 'one', 15_000)
    const ages: (number | undefined)[] = []
    for (let nth = 0; nth < 7; nth++) {
      ages.push((await keepOne(one.storage, beat)).renewedBefore)
      letTimePass(2_000)
    }
    expect(ages.map((age = 0) => Math.round(age))).toEqual([0, 2_000, 4_000, 0, 2_000, 4_000, 0])
    // A worker with a shorter lease time needs it at once.
    const short = beatOf(current, 'short', 5_000)
    const kept = await one.storage.keepLeases([beat, short])
    expect(kept).toMatchObject([{ renewedBefore: 0 }, { renewedBefore: 0 }])
  })

  it('of a live process keep its leases, and the leases of a dead process go to others after the lease time', async () => {
    const [one, dead] = (await start(2)) as [Process, Process]
    const registered = await register(one, namesOf(5))
    const beats = (worker: string) => registered.map((current) => beatOf(current, worker, leaseTime))
    const leasesBefore = await dead.storage.keepLeases(beats('dead'))
    const held = async () => {
      const kept = await one.storage.keepLeases(beats('one'))
      return kept.map((one) => (one.kind === 'kept' ? one.leases.length : -1))
    }
    for (let time = 0; time < 8; time++) {
      expect(await held()).toEqual([0, 0, 0, 0, 0])
      letTimePass(1_000)
      expect(await dead.storage.keepLeases(beats('dead'))).toEqual(
        leasesBefore.map((kept) => ({ ...kept, share: 1 })),
      )
    }
    // The last heartbeat of the dead process is observed by the first of these.
    for (let time = 0; time < 5; time++) {
      expect(await held()).toEqual([0, 0, 0, 0, 0])
      letTimePass(1_000)
    }
    // A slow call sends a heartbeat again while it runs. The others then observe it up to a few seconds later.
    for (let time = 0; time < 3 && (await held()).includes(0); time++) letTimePass(1_000)
    expect(await held()).toEqual([1, 1, 1, 1, 1])
  })

  /** A process with two workers, of which one has ended, and a process that waits for its lease. */
  async function withEndedWorker() {
    const [one, other] = (await start(2)) as [Process, Process]
    const [ended, lives] = (await register(one, ['ended', 'lives'])) as [
      RegisteredSubscription,
      RegisteredSubscription,
    ]
    const beats = [beatOf(ended, 'one', leaseTime), beatOf(lives, 'one', leaseTime)] as [
      WorkerBeat,
      WorkerBeat,
    ]
    const waiting = beatOf(ended, 'other', leaseTime)
    await one.storage.keepLeases(beats)
    expect(await leasesOf(other.storage, waiting)).toEqual([])
    return { one, other, beats, waiting, place: ended.place as string }
  }

  it('remove a worker that has left while its item could not be removed', async () => {
    const { one, other, beats, waiting, place } = await withEndedWorker()
    one.faults.before(({ command }) => (command === 'DeleteItem' ? new TypeError('no') : undefined))
    await expect(one.storage.leave(place, 'one')).rejects.toThrow()
    // The lease itself was released. Another worker of the same process has it again, and ends without a word.
    for (let time = 0; time < 3; time++) {
      letTimePass(1_000)
      await keepOne(one.storage, beats[1])
    }
    expect(JSON.stringify(await ground.items(`${table}_log`))).toContain('w#one')
    one.faults.clear()
    await keepOne(one.storage, beats[1])
    const workers = (await ground.items(`${table}_log`)).filter(
      ({ p, s }) => p?.S === `K#${place}` && s?.S?.startsWith('w#'),
    )
    expect(workers.map(({ s }) => s?.S)).toEqual(['w#other'])
    expect(await leasesOf(other.storage, waiting)).toHaveLength(1)
  })

  it('do not keep the leases of a worker that has neither left nor sent a heartbeat for its lease time', async () => {
    const { one, other, beats, waiting } = await withEndedWorker()
    for (let time = 0; time < 4; time++) {
      letTimePass(1_000)
      await keepOne(one.storage, beats[1])
      expect(await leasesOf(other.storage, waiting)).toEqual([])
    }
    // A slow call sends a heartbeat again while it runs. The others then observe it up to a few seconds later.
    let leases: readonly unknown[] = []
    for (let time = 0; time < 4 && leases.length === 0; time++) {
      letTimePass(1_000)
      await keepOne(one.storage, beats[1])
      leases = await leasesOf(other.storage, waiting)
    }
    expect(leases).toHaveLength(1)
  })

  it('answer by what the process knows, if an eventually consistent read is stale', async () => {
    const [one] = await start(1)
    const [current] = (await register(one, ['stale'])) as [RegisteredSubscription]
    const beat = beatOf(current, 'one', leaseTime)
    const place = `K#${current.place}`
    const before = (await ground.items(`${table}_log`)).filter(({ p }) => p?.S === place)
    const { leases } = await keepOne(one.storage, beat)
    expect(leases).toHaveLength(1)
    let staleReads = 0
    one.faults.changeAnswers(({ command, input }, output) => {
      if (command !== 'Query' || input.ConsistentRead !== false) return
      staleReads++
      output.Items = before
    })
    for (let time = 0; time < 8; time++) {
      letTimePass(leaseTime)
      expect((await keepOne(one.storage, beat)).leases).toEqual(leases)
    }
    expect(staleReads).toBeGreaterThan(2)
  })

  // Fault: the call marked the process as alive once, when it began. If it took longer than the lease time, another process
  // took the leases, and then was too slow itself.
  it('of a process whose call takes longer than the lease time keep its leases', async () => {
    const [one, other] = (await start(2)) as [Process, Process]
    const [current] = (await register(one, ['slow'])) as [RegisteredSubscription]
    const short = 300
    const beat = beatOf(current, 'one', short)
    const { leases } = await keepOne(one.storage, beat)
    await keepOne(other.storage, beatOf(current, 'other', short))
    letTimePass(short / 3)
    one.faults.before(({ command }) =>
      command === 'Query' ? new Promise((resolve) => setTimeout(resolve, 4 * short, undefined)) : undefined,
    )
    let hasAnswered = false
    const answered = keepOne(one.storage, beat).finally(() => {
      hasAnswered = true
    })
    while (!hasAnswered) {
      await new Promise((resolve) => setTimeout(resolve, short / 3))
      letTimePass(short / 3)
      expect((await keepOne(other.storage, beatOf(current, 'other', short))).leases).toEqual([])
    }
    expect((await answered).leases).toEqual(leases)
  })

  it('notice what another process has changed at the next heartbeat', async () => {
    const [one, admin] = (await start(2)) as [Process, Process]
    const [current] = (await register(one, ['noticed'])) as [RegisteredSubscription]
    const beat = beatOf(current, 'one', leaseTime)
    const { leases } = await keepOne(one.storage, beat)
    await admin.storage.pauseSubscription('noticed', true)
    expect(await keepOne(one.storage, beat)).toMatchObject({ isPaused: true, share: 0, leases })
    await one.storage.releaseLeases(leases, 'one')
    expect(await keepOne(one.storage, beat)).toMatchObject({ isPaused: true, leases: [] })
    await admin.storage.pauseSubscription('noticed', false)
    const resumed = await keepOne(one.storage, beat)
    expect(resumed).toMatchObject({ isPaused: false, share: 1 })
    const [lease] = resumed.leases
    const event = { position: 3, streamId: 's', eventId: crypto.randomUUID(), type: 'T', stack: undefined }
    const parked = { ...event, state: 'parked', failures: 1, error: 'no' } as const
    await one.storage.park(lease as never, [parked], 3)
    expect(await admin.storage.retryParked('noticed', [2, 3])).toEqual([3])
    expect(await keepOne(one.storage, beat)).toMatchObject({ parkedRequests: 1 })
    expect(await one.storage.parkedToHandle(lease as never, 9)).toMatchObject([{ state: 'retrying' }])
    expect(await admin.storage.skipParked('noticed', [3, 2])).toEqual([3])
    expect(await admin.storage.skipParked('noticed', [3, 2])).toEqual([])
    expect(await keepOne(one.storage, beat)).toMatchObject({ parkedRequests: 2 })
    const now = (await admin.storage.readSubscription('noticed')) as RegisteredSubscription
    await admin.storage.changeSubscription(now, { definition: definitionOf(1, { version: 2 }) })
    expect(await one.storage.keepLeases([beat])).toEqual([{ kind: 'superseded' }])
    const changed = (await admin.storage.readSubscription('noticed')) as RegisteredSubscription
    await admin.storage.removeSubscription(changed)
    expect(await one.storage.keepLeases([beat])).toEqual([{ kind: 'removed' }])
  })

  it('notice a change within the lease time, if the process that made it died before it reported it', async () => {
    const [one, admin] = (await start(2)) as [Process, Process]
    const [current] = (await register(one, ['unreported'])) as [RegisteredSubscription]
    const beat = beatOf(current, 'one', leaseTime)
    await keepOne(one.storage, beat)
    await keepOne(one.storage, beat)
    admin.faults.before(({ input }) =>
      JSON.stringify(input.Key)?.includes('subscriptions') ? new TypeError('killed') : undefined,
    )
    await admin.storage.pauseSubscription('unreported', true)
    expect(await keepOne(one.storage, beat)).toMatchObject({ isPaused: false })
    letTimePass(leaseTime)
    expect(await keepOne(one.storage, beat)).toMatchObject({ isPaused: true })
  })

  it('share partitions between 10 processes, and the others take those of a dead one', async () => {
    // DynamoDB Local takes a minute for 1,000.
    const partitions = process.env.LONG === undefined || emulator !== 'dynoxide' ? 100 : 1_000
    const all = await start(10)
    const [current] = (await register(all[0], ['large'], partitions)) as [RegisteredSubscription]
    const heartbeat = (processes: readonly Process[]) =>
      Promise.all(
        processes.map(async ({ storage }, index) => {
          const worker = `worker-${all.length - processes.length + index}`
          const kept = await keepOne(storage, beatOf(current, worker, leaseTime))
          await storage.releaseLeases(kept.leases.slice(kept.share), worker)
          return kept.leases.slice(0, kept.share)
        }),
      )
    const countOf = (held: readonly (readonly unknown[])[]) => held.map((leases) => leases.length)
    const tenth = partitions / 10
    const isShared = (held: readonly (readonly unknown[])[]) => held.every(({ length }) => length === tenth)
    for (let time = 0; !isShared(await heartbeat(all)); time++) {
      expect(time).toBeLessThan(8)
      letTimePass(1_000)
    }
    const [, ...living] = all
    for (let time = 0; time < 5; time++) {
      const counts = countOf(await heartbeat(living))
      expect(counts.reduce((sum, count) => sum + count)).toBe(9 * tenth)
      letTimePass(1_000)
    }
    let held = (await heartbeat(living)).flat()
    // On a slow emulator, the last heartbeat of the dead process may arrive after the others have read it once.
    if (held.length < partitions) {
      letTimePass(1_000)
      held = (await heartbeat(living)).flat()
    }
    expect(new Set(held.map(({ partition }) => partition)).size).toBe(partitions)
    expect(held).toHaveLength(partitions)
  })

  it('complete a takeover of 1,000 partitions whose process was killed', async () => {
    const [one] = await start(1)
    const [current] = (await register(one, ['from'], 1_000)) as [RegisteredSubscription]
    // It closes all checkpoints, and puts some of the new ones.
    const killed = startProcess(ground, table, 0)
    let writes = 0
    killed.faults.before(({ command }) => {
      if (!/^(Get|BatchGet|Query)/.test(command)) writes++
      return writes > 1_004 ? lost() : undefined
    })
    await killed.storage.takeOverSubscription(current, 'to', definitionOf(800)).catch(() => {})
    expect(writes).toBeGreaterThan(1_004)
    expect(await one.storage.keepLeases([beatOf(current, 'one', leaseTime)])).toEqual([
      { kind: 'superseded' },
    ])
    expect(await one.storage.checkpoints('to')).toHaveLength(800)
    const items = (await ground.items(`${table}_log`)).filter(({ p }) => p?.S === `K#${current.place}`)
    // The header and the checkpoints.
    expect(items).toHaveLength(801)
  })
})
