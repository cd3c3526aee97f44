/** Tests that verifying and repairing large tables takes no more memory than small ones, and what it costs. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bodyText, encodeText } from '../../src/dynamodb/commits/commit-body.ts'
import { commitKey, counterKey } from '../../src/dynamodb/keys.ts'
import { slotItem } from '../../src/dynamodb/log/slot-item.ts'
import { number } from '../../src/dynamodb/requests/attributes.ts'
import { emulators, type Ground, type StoredItem, startGround } from './ground.ts'
import { putItems } from './put-items.ts'

const streams = 500
const bytesOfEvent = 500
const now = Date.UTC(2026, 0, 1)

/** The two items of a lone append of one event, as the store writes them. */
function itemsOf(position: number): { readonly commit: StoredItem; readonly slot: StoredItem } {
  const streamId = `order-${position % streams}`
  const version = Math.ceil(position / streams)
  const event = {
    id: crypto.randomUUID(),
    type: 'OrderPlaced',
    data: JSON.stringify({ filler: 'x'.repeat(bytesOfEvent - 13) }),
    metadata: '{}',
    tags: [],
    idFrom: 'library' as const,
  }
  const body = bodyText([event])
  const run = { streamId, firstVersion: version, count: 1, types: [event.type], commit: version, bytes: 0 }
  const commit = {
    ...commitKey(streamId, version),
    v: number(version),
    t: number(now),
    g: number(position),
    o: number(position),
    ...encodeText(body, true).parts[0],
  }
  const times = { recordedAt: now, writtenAt: now }
  const slot = slotItem(
    { number: position, first: position, runs: [run], commits: [{ recordedAt: now, body }], ...times },
    true,
  )
  return { commit, slot }
}

describe.runIf(emulators.includes('dynoxide'))('tables with many commits', () => {
  let ground: Ground
  beforeAll(async () => {
    ground = await startGround('dynoxide')
  })
  afterAll(() => ground?.end())

  async function filledTable(commits: number): Promise<string> {
    const table = ground.table()
    await ground.open(table).store.schema.create()
    const stored = Array.from({ length: commits }, (_, index) => itemsOf(index + 1))
    await putItems(
      ground.admin,
      `${table}_events`,
      stored.map(({ commit }) => commit),
    )
    const counter = { ...counterKey, n: number(commits), c: number(commits) }
    await putItems(ground.admin, `${table}_log`, [...stored.map(({ slot }) => slot), counter])
    return table
  }

  it('are verified with 64 MB of heap, which does not grow with the commits', async () => {
    const commits = 10_000
    const table = await filledTable(commits)
    const program = new URL('programs/verifier.ts', import.meta.url).pathname
    const flags = ['--max-old-space-size=64', '--expose-gc', '--conditions=@eventsourced/source']
    const words = [...flags, '--import', 'tsx', program, ground.endpoint, table]
    const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 200_000 })
    const { grown, ...result } = JSON.parse(stdout)
    expect(result).toEqual({ ok: true, commits, slots: commits })
    // To keep the place of each commit and of each slot would take 800 bytes and more for each.
    expect(grown / commits).toBeLessThan(200)
  }, 300_000)

  it('cost 0.2 read units for each commit of 500 bytes, and show each lost item', async () => {
    const commits = 2_000
    const table = await filledTable(commits)
    const { store, faults } = ground.open(table)
    await store.schema.status()
    let units = 0
    faults.before(({ input }) => {
      input.ReturnConsumedCapacity = 'TOTAL'
      return undefined
    })
    faults.changeAnswers((_, { ConsumedCapacity: consumed }) => {
      for (const { CapacityUnits = 0 } of [consumed ?? []].flat() as { CapacityUnits?: number }[]) {
        units += CapacityUnits
      }
    })
    expect(await store.schema.verify()).toMatchObject({ ok: true })
    expect(units / commits).toBeGreaterThan(0.1)
    expect(units / commits).toBeLessThanOrEqual(0.2)
    for (const position of [1, 777, commits - 1]) await ground.remove(`${table}_log`, itemsOf(position).slot)
    await ground.remove(`${table}_events`, itemsOf(commits).commit)
    const { problems } = await store.schema.verify()
    expect(problems).toMatchObject([
      { kind: 'slot-without-commit', slot: commits },
      ...[1, 777, commits - 1].map((slot) => ({ kind: 'commit-without-slot', slot })),
    ])
    const { repaired } = await store.schema.repair()
    expect(repaired.map(({ done }) => done)).toEqual(Array(4).fill('restored'))
    expect(await store.schema.verify()).toEqual({ ok: true, commits, slots: commits, problems: [] })
  }, 120_000)
})
