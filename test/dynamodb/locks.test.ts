/** Tests the locks under which a rebuilt projection is put in place, and the appends that wait for them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sleep } from '../../src/runtime/abort.ts'
import { lost } from '../worlds/faulty-client.ts'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { startProcess } from './processes.ts'

/** In milliseconds, see processes.ts. */
const gapTimeoutOfProcesses = 1_000
const happened = [{ type: 'Happened', data: {} }]

describe.each(oneEmulator)('locks on %s', (emulator) => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround(emulator)
  })
  afterAll(() => ground?.end())

  async function prepare() {
    const table = ground.table()
    const { store, faults } = ground.open(table)
    await store.append('before', happened)
    return { store, faults, process: startProcess(ground, table) }
  }

  // Fault: the append gave its slot back only when the lock was gone. The process with the lock waited for `gapTimeout` until it
  // could seal the slot, and meanwhile no process could append.
  it('an append returns its slot before it waits for a lock, so that it does not delay the process with the lock', async () => {
    const { store, process } = await prepare()
    let appended: Promise<unknown> | undefined
    const took = await process.storage.transaction('Locking', async (transaction) => {
      await transaction.lockAppends()
      appended = store.append('during', happened)
      await sleep(200)
      const began = performance.now()
      await transaction.lastPosition()
      return performance.now() - began
    })
    expect(took).toBeLessThan(gapTimeoutOfProcesses)
    await appended
  })

  // Fault: the process found its own lock, and waited for it until it counted as left by a dead process.
  it('the lock of all appends is recognised after its answer was lost', async () => {
    const { store, process } = await prepare()
    let left = 1
    process.faults.afterWrites(({ command }) => (command === 'UpdateItem' && left-- > 0 ? lost() : undefined))
    const began = performance.now()
    await process.storage.transaction('Locking', (transaction) => transaction.lockAppends())
    await store.append('after', happened)
    expect(left).toBeLessThan(1)
    expect(performance.now() - began).toBeLessThan(5_000)
  })
})
