/** Part one of the demo: an evening at a small concert hall, in seven steps. */
import { setTimeout as pause } from 'node:timers/promises'
import { type CommandResult, commandHandler, type EventStore, foldStream, hasCode } from '@eventsourced/core'
import { type ConcertCommand, type ConcertEvent, concert, Refusal, type Seating } from './concert.ts'
import { count, print, printStep, printTable, printTitle, printWhy, style } from './print.ts'

const hall = 'concert-night-trains'
const seats = ['A1', 'A2', 'A3', 'B1', 'B2', 'B3']
const guests = ['Ada', 'Ben', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gus', 'Hana']
/** The stream's version when the hall is full for the first time: the announcement, and one booking for each seat. */
const soldOut = 1 + seats.length

type Answer = CommandResult<Seating, ConcertEvent> | Refusal

/** Tells the story. On data that already has the story, it recognises its commands and adds nothing. */
export async function tellStory(store: EventStore, folder: string): Promise<void> {
  printTitle('One evening at a small concert hall', `on the Postgres inside this process, in ${folder}`)

  const before = await store.streamInfo(hall)
  const conflicts = { count: 0 }
  const counting = countingConflicts(store, conflicts)
  let recognised = 0

  /** Handles a command with a fixed command id. The second time, the handler recognises it and does not decide again. */
  async function ask(command: ConcertCommand, commandId: string): Promise<Answer> {
    // The commands of one handler take turns. With handlers of their own, guests race as those of several processes do.
    const handle = commandHandler({ store: counting, decider: concert })
    try {
      const handled = await handle(hall, command, { commandId })
      if (handled.deduplicated) recognised++
      return handled
    } catch (error) {
      if (error instanceof Refusal) return error
      throw error
    }
  }

  printStep(1, 'A decider turns a command into an event')
  printAnswer('Announce', await ask({ type: 'Announce', title: 'Night Trains', seats }, 'announce'))
  printWhy('Only events are stored. One pure function decides what may happen: demo/concert.ts')

  printStep(2, 'Eight guests book at the same moment, and there are six seats')
  const answers = await Promise.all(
    guests.map(async (guest) => ({ guest, answer: await ask({ type: 'Book', guest }, `book-${guest}`) })),
  )
  for (const { guest, answer } of answers) printAnswer(`Book ${guest}`, answer)
  const conflictCount = count(conflicts.count, 'conflict')
  print(
    `  ${conflictCount}${conflicts.count > 0 ? ': another booking was faster, so the handler decided again' : ''}`,
  )
  printWhy('No lock is needed to give each seat to one guest: an append names the version it was decided on')

  const evening = await foldStream(store, hall, concert, { toVersion: soldOut })
  const [first = '', second = ''] = seats.map((seat) => evening.state.get(seat))

  printStep(3, 'A command that breaks a rule is refused')
  printAnswer(`Book ${second}`, await ask({ type: 'Book', guest: second }, 'book-a-second-seat'))
  printWhy('The domain throws its own error, the caller gets that same error, and nothing is written')

  printStep(4, `The next morning ${first} cancels, and a refused guest books again`)
  // The evening and the morning must not be in the same millisecond.
  await pause(5)
  const waiting = answers.find(({ answer }) => answer instanceof Refusal)?.guest ?? 'Iris'
  printAnswer(`Cancel ${first}`, await ask({ type: 'Cancel', guest: first }, 'cancel'))
  printAnswer(`Book ${waiting}`, await ask({ type: 'Book', guest: waiting }, 'book-the-free-seat'))
  printWhy('Nothing is overwritten: a cancellation is one more fact')

  printStep(5, 'The state now, and at any moment of the past')
  const { events: history } = await store.readStream(hall)
  const night = history[soldOut - 1]?.recordedAt ?? new Date()
  const folds = [
    ['version 4', await foldStream(store, hall, concert, { toVersion: 4 })],
    [`as of ${night.toISOString()}`, await foldStream(store, hall, concert, { asOf: night })],
    ['now', await foldStream(store, hall, concert)],
  ] as const
  printTable(
    ['', ...seats],
    folds.map(([moment, { state }]) => [moment, ...seats.map((seat) => state.get(seat) ?? '–')]),
  )
  printWhy('State is folded from events, up to any version or time, so every past state stays available')

  printStep(6, 'The same command again, because its answer was lost')
  const earlier = recognised
  printAnswer(`Cancel ${first}`, await ask({ type: 'Cancel', guest: first }, 'cancel'))
  printWhy('A command with a commandId is handled once, however often the client sends it')

  printStep(7, 'One log of everything that happened, in order')
  const rows: string[][] = []
  for await (const { position, streamId, version, type, data } of store.readAll<ConcertEvent>()) {
    const what = type === 'ConcertAnnounced' ? data.title : `${data.guest}, ${data.seat}`
    rows.push([String(position), streamId, String(version), type, what])
  }
  printTable(['position', 'stream', 'version', 'event', ''], rows)
  printWhy('Projections and subscriptions follow this order, and never skip an event, not even a late one')

  if (before !== undefined && before.version > 0) {
    const known = `the store recognised ${count(earlier, 'command')} and repeated none`
    print(style('green', `An earlier run told this story in ${folder}: ${known}.`))
    print(
      style(
        'green',
        `The story had ${count(before.version, 'event')} then, and has ${count(rows.length)} now.`,
      ),
    )
  }
}

/** Wraps the store, and counts the appends that it refuses because another append came first. */
function countingConflicts(
  store: EventStore,
  conflicts: { count: number },
): Pick<EventStore, 'readStream' | 'append'> {
  return {
    readStream: (streamId, options) => store.readStream(streamId, options),
    async append(streamId, events, options) {
      try {
        return await store.append(streamId, events, options)
      } catch (error) {
        if (hasCode(error, 'wrong-expected-version')) conflicts.count++
        throw error
      }
    },
  }
}

function printAnswer(asked: string, answer: Answer): void {
  const arrow = `  ${asked.padEnd(11)} → `
  if (answer instanceof Refusal) {
    print(`${arrow}${style('yellow', answer.constructor.name)}: ${answer.message}`)
    return
  }
  for (const { type, data, version } of answer.events) {
    const what = type === 'ConcertAnnounced' ? `${data.title}, ${count(data.seats.length)} seats` : data.seat
    const again = answer.deduplicated ? style('green', '   recognised') : ''
    print(`${arrow}${style('bold', type)} ${what} ${style('dim', `version ${version}`)}${again}`)
  }
}
