/**
 * The log as the tables contain it at the end of a schedule, read item by item and without the code of the store that
 * reads. It throws if slots, commits and event ids do not fit together.
 */
import { strict as assert } from 'node:assert'
import { locationIn } from '../../../src/dynamodb/appends/id-item.ts'
import { eventsOf } from '../../../src/dynamodb/commits/read.ts'
import {
  commitKey,
  commitPartKey,
  counterKey,
  eventIdKey,
  type Key,
  slotKey,
  streamPartition,
  type Tables,
} from '../../../src/dynamodb/keys.ts'
import { slotOfItem } from '../../../src/dynamodb/log/slot-item.ts'
import { type Item, numberOf, textOf } from '../../../src/dynamodb/requests/attributes.ts'
import type { RecordedEvent } from '../../../src/event.ts'
import type { SimulatedDatabase } from './database.ts'

/** The recorded events, by several orders. */
export interface Truth {
  /** In the order of the log. */
  readonly events: readonly RecordedEvent[]
  readonly byId: ReadonlyMap<string, RecordedEvent>
  readonly byPosition: ReadonlyMap<number, RecordedEvent>
  readonly byStream: ReadonlyMap<string, readonly RecordedEvent[]>
  /** The number of the slot with each position. */
  readonly slotOf: ReadonlyMap<number, number>
  readonly slots: number
  readonly sealed: number
}

function groupedBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

/** `callerIds`: the ids of events that callers have chosen. All slots that were taken must be settled. */
export function truthOf(database: SimulatedDatabase, tables: Tables, callerIds: ReadonlySet<string>): Truth {
  const get = (TableName: string, Key: Key): Item | undefined => {
    const { output } = database.execute({
      command: 'GetItem',
      input: { TableName, Key, ConsistentRead: true },
    })
    return (output as { Item?: Item }).Item
  }
  const commitOf = (streamId: string, version: number) => {
    const first = get(tables.events, commitKey(streamId, version))
    assert(first !== undefined, `the log has commit ${version} of stream '${streamId}', which does not exist`)
    const others = Array.from({ length: (numberOf(first, 'm') ?? 1) - 1 }, (_, part) =>
      get(tables.events, commitPartKey(streamId, version, part + 1)),
    )
    return { item: first, events: eventsOf(streamId, { first, others: others as Item[] }) }
  }

  const counter = get(tables.log, counterKey)
  const [taken, positions] = [numberOf(counter, 'n') ?? 0, numberOf(counter, 'c') ?? 0]
  const events: RecordedEvent[] = []
  const slotOf = new Map<number, number>()
  const commits = new Map<string, number>()
  let last = 0
  let sealed = 0
  for (let number = 1; number <= taken; number++) {
    const item = get(tables.log, slotKey(number))
    assert(item !== undefined, `slot ${number} of ${taken} is neither used nor sealed`)
    const slot = slotOfItem(item)
    if (slot.count === 0) {
      sealed++
      continue
    }
    assert(
      slot.first > last,
      `slot ${number} begins at position ${slot.first}, and ${last} is in a slot before it`,
    )
    let position = slot.first
    const inSlot = new Set<string>()
    for (const run of slot.runs) {
      const { item: commit, events: all } = commitOf(run.streamId, run.commit)
      assert.equal(
        numberOf(commit, 'g'),
        number,
        `commit ${run.commit} of '${run.streamId}' names another slot`,
      )
      inSlot.add(`${run.commit} ${run.streamId}`)
      // The events of an imported commit are in several runs.
      const from = run.firstVersion - run.commit
      for (const event of all.slice(from, from + run.count)) {
        assert.equal(
          event.position,
          position,
          `event ${event.version} of '${event.streamId}' in slot ${number}`,
        )
        events.push(event)
        slotOf.set(position, number)
        position++
      }
    }
    for (const name of inSlot) {
      const streamId = name.slice(name.indexOf(' ') + 1)
      commits.set(streamId, (commits.get(streamId) ?? 0) + 1)
    }
    last = position - 1
  }
  assert(last <= positions, `the counter has counted ${positions} positions, and the log has ${last}`)
  assert.equal(get(tables.log, slotKey(taken + 1)), undefined, `slot ${taken + 1} exists, and was not taken`)

  const byStream = groupedBy(events, ({ streamId }) => streamId)
  for (const [streamId, own] of byStream) {
    assert.deepEqual(
      own.map(({ version }) => version),
      own.map((_, index) => index + 1),
      `the versions of '${streamId}' in the order of the log`,
    )
    for (const [index, { recordedAt }] of own.entries())
      assert(
        index === 0 || recordedAt >= (own[index - 1]?.recordedAt as Date),
        `times of '${streamId}' decrease`,
      )
    const { output } = database.execute({
      command: 'Query',
      input: {
        TableName: tables.events,
        ConsistentRead: true,
        KeyConditionExpression: 'p = :p',
        ExpressionAttributeValues: { ':p': { S: streamPartition(streamId) } },
      },
    })
    const stored = (output as { Items: Item[] }).Items.filter((item) => !textOf(item, 's')?.includes('+'))
    assert.equal(stored.length, commits.get(streamId), `commits of '${streamId}' that the log lacks`)
  }
  const byId = new Map(events.map((event) => [event.id, event]))
  const twice = events.filter((event) => byId.get(event.id) !== event)
  assert.deepEqual(twice, [], 'events that are recorded twice')
  for (const id of callerIds) {
    const location = locationIn(get(tables.log, eventIdKey(id)), id)
    const event = byId.get(id)
    assert.equal(location?.position, event?.position, `the position that is stored for event id ${id}`)
    assert.equal(location?.streamId, event?.streamId, `the stream that is stored for event id ${id}`)
  }
  return {
    events,
    byId,
    byPosition: new Map(events.map((event) => [event.position, event])),
    byStream,
    slotOf,
    slots: taken,
    sealed,
  }
}
