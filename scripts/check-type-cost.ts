/**
 * Checks how much work the types of deciders, projections and subscriptions cause for the compiler of a user with many
 * event types. It compiles a generated program, and fails above a ceiling of type instantiations or types. It prints the
 * time, but does not judge it, because the time depends on the machine.
 */
import { typeCheck } from './type-check.ts'

const eventTypes = 200

/**
 * Measured on 29 Nov 2026 with TypeScript 7.0.2: 18,394 instantiations and 16,188 types; with 400 event types 20,394 and
 * 20,188. The ceilings are 1.5 times as high: work that grows with the square of the event types (200 × 200 = 40,000)
 * exceeds them.
 */
const ceilings: Readonly<Record<string, number>> = { Instantiations: 27_500, Types: 24_300 }

/** Returns a program with a decider, a projection and a subscription for `count` event types. */
export function typeCostProgram(count: number): string {
  const names = Array.from({ length: count }, (_, index) => `Happened${index}`)
  const lines = (line: (name: string, index: number) => string) => names.map(line).join('\n')
  return `
import { commandHandler, decider, fold, foldStream, memoryStore, projection, type RecordedEvent } from '@eventsourced/core'

type ShopEvent =
${lines((name, index) => `  | { type: '${name}'; data: { id: string; field${index}: number } }`)}
type State = { status: 'new' | 'open' | 'closed'; total: number }

const shop = decider({
  initialState: (): State => ({ status: 'new', total: 0 }),
  decide(command: { index: number }, { status }): ShopEvent[] {
    if (status === 'closed') throw new Error('closed')
    return [{ type: '${names[0]}', data: { id: 'a', field0: command.index } }]
  },
  evolve(state, { type, data }) {
    switch (type) {
${lines((name, index) => `      case '${name}': return { ...state, status: '${index % 2 === 0 ? 'open' : 'closed'}', total: state.total + data.field${index} }`)}
    }
  },
})

const totals = projection({
  name: 'totals',
  events: [${names.map((name) => `'${name}'`).join(', ')}],
  key({ type, data }: RecordedEvent<ShopEvent>) {
    switch (type) {
${lines((name, index) => `      case '${name}': return data.field${index} > 0 ? data.id : undefined`)}
    }
  },
  initialState: (): State => ({ status: 'new', total: 0 }),
  evolve(state, { type, data }) {
    switch (type) {
${lines((name, index) => `      case '${name}': return { ...state, status: '${index % 2 === 0 ? 'open' : 'closed'}', total: state.total + data.field${index} }`)}
    }
  },
})

const store = memoryStore({ inline: [totals] })
const handle = commandHandler({ store, decider: shop })
const { events } = await handle('shop-1', { index: 1 })
fold(shop, events)
await foldStream(store, 'shop-1', shop)
await store.view(totals).get('a')
store.subscribe({
  name: 'printer',
  types: [${names.map((name) => `'${name}'`).join(', ')}],
  handle({ type, data }: RecordedEvent<ShopEvent>) {
    switch (type) {
${lines((name, index) => `      case '${name}': return console.log(data.field${index})`)}
    }
  },
})
store.subscribe({ projection: totals })
`
}

/** Returns one problem for each ceiling that the compiler's output (`--extendedDiagnostics`) exceeds. */
export function costProblems(output: string, limits: Readonly<Record<string, number>> = ceilings): string[] {
  return Object.entries(limits).flatMap(([field, ceiling]) => {
    const measured = Number(diagnostic(output, field))
    if (Number.isNaN(measured)) return [`the compiler did not print '${field}'`]
    return measured > ceiling ? [`${field}: ${measured} is more than the ceiling of ${ceiling}`] : []
  })
}

function diagnostic(output: string, field: string): string | undefined {
  return new RegExp(`^${field}: +(\\S+)`, 'm').exec(output)?.[1]
}

if (process.argv[1] === import.meta.filename) {
  // With one thread, the compiler counts the same in each run.
  const flags = ['--extendedDiagnostics', '--singleThreaded']
  const { passed, output } = typeCheck(new Map([['program.ts', typeCostProgram(eventTypes)]]), flags)
  const problems = passed ? costProblems(output) : [output]
  for (const problem of problems) console.error(problem)
  const measured = [...Object.keys(ceilings), 'Check time'].map(
    (field) => `${field} ${diagnostic(output, field) ?? 'unknown'}`,
  )
  console.log(`type cost: ${eventTypes} event types, ${measured.join(', ')}, ${problems.length} problems`)
  process.exitCode = problems.length > 0 ? 1 : 0
}
