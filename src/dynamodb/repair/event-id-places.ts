/** Repairs the items of event ids: of events that are lost, that have moved, and whose ids are lost. */
import type { RecordedEvent } from '../../storage/index.ts'
import { type IdUpdate, idsIn, idUpdate, type LocatedId, neighboursIn } from '../appends/id-item.ts'
import { eventIdPrefix, type Key } from '../keys.ts'
import type { Item } from '../requests/attributes.ts'
import type { CommitPlace } from './commit-place.ts'
import { type RepairEnvironment, repairing } from './repair-environment.ts'
import { scan } from './scan.ts'

const digits = Array.from({ length: 16 }, (_, digit) => `e${digit.toString(16)}`)

/** Stores the ids of events that are not stored. An id from the library needs no item, and none does harm. */
export async function putIds(
  { connection, tables, progress }: RepairEnvironment,
  events: readonly RecordedEvent[],
): Promise<void> {
  const located = events.map(({ id, streamId, version, position, recordedAt }) => ({
    id,
    location: { streamId, version, position, recordedAt: recordedAt.getTime() },
  }))
  for (const neighbours of neighboursIn(located)) {
    const { Key } = idUpdate(neighbours).update
    const subject = repairing(tables.log, Key)
    const stored = await connection.get(subject, Key, progress.signal)
    const known = new Set((stored === undefined ? [] : idsIn(stored)).map(({ id }) => id))
    const missing = [...neighbours.values()].filter(({ id }) => !known.has(id))
    for (const some of neighboursIn(missing)) {
      await connection.write(subject, 'UpdateItem', idUpdate(some).update, progress.signal)
    }
  }
}

/** Frees the ids of lost events, so that they can be used again, and stores the new positions of moved events. */
export async function repairEventIds(environment: RepairEnvironment): Promise<void> {
  const { connection, tables, empty, progress } = environment
  const options = { attributes: ['p', 's', ...digits].join(', '), consistent: true }
  await scan(connection, tables.log, options, progress, () => async (items) => {
    for (const item of items) {
      if (!(item as Key).p.S.startsWith(eventIdPrefix)) continue
      const ids = idsIn(item)
      if (ids.some(({ location }) => empty.mayHave(location.position)))
        await repairItem(environment, item, ids)
    }
  })
}

async function repairItem(
  environment: RepairEnvironment,
  item: Item,
  ids: readonly LocatedId[],
): Promise<void> {
  const { connection, tables, empty, progress } = environment
  const kept: LocatedId[] = []
  let isChanged = false
  const places = new CommitPlaces(environment)
  for (const one of ids) {
    const { id, location } = one
    if (!empty.mayHave(location.position)) {
      kept.push(one)
      continue
    }
    const position = await places.positionOf(one)
    if (position !== undefined) kept.push({ id, location: { ...location, position } })
    isChanged ||= position !== location.position
  }
  if (!isChanged) return
  const { p, s } = item as Key
  const [neighbours] = neighboursIn(kept)
  // The whole item, because some ids are stored as neighbours of others. An item without ids does no harm.
  const put = { Item: neighbours === undefined ? { p, s } : itemOf(idUpdate(neighbours).update) }
  await connection.write(repairing(tables.log, { p, s }), 'PutItem', put, progress.signal)
}

const itemOf = ({ Key, ExpressionAttributeValues: values }: IdUpdate): Item => ({
  ...Key,
  ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name.slice(1), value])),
})

/** Finds the present positions of events. Neighbouring ids are mostly in one commit, which it reads once. */
class CommitPlaces {
  readonly #stored: RepairEnvironment['stored']
  #last: CommitPlace | undefined
  /** The events of `#last`, once they are read. */
  #events: readonly RecordedEvent[] | undefined

  constructor({ stored }: RepairEnvironment) {
    this.#stored = stored
  }

  /** Returns where an event is that was at the location; undefined if it is lost. */
  async positionOf({ id, location }: LocatedId): Promise<number | undefined> {
    const { streamId, version, position } = location
    const isIn = (place: CommitPlace | undefined): place is CommitPlace =>
      place?.streamId === streamId && place.first <= version && version <= place.last
    if (!isIn(this.#last)) {
      this.#last = await this.#stored.lastUpTo(streamId, version)
      this.#events = undefined
    }
    const commit = this.#last
    if (!isIn(commit)) return undefined
    if (commit.firstPosition <= position && position <= commit.lastPosition) return position
    // This repair or an earlier one has moved the commit, or the event is lost and another one has its version now.
    this.#events ??= await this.#stored.eventsOf(commit)
    return this.#events.find((event) => event.id === id)?.position
  }
}
