/** Accounts and their balances: the projection that many cases share, and the same sums computed from the log. */
import type { RecordedEvent } from '../event.ts'
import { type DocumentProjection, projection } from '../projection/projection.ts'
import type { EventStore } from '../store.ts'
import { collect, logOf } from './events.ts'

export type Movement =
  | { readonly type: 'Deposited'; readonly data: { readonly account: string; readonly amount: number } }
  | {
      readonly type: 'Transferred'
      readonly data: { readonly from: string; readonly to: string; readonly amount: number }
    }
  | { readonly type: 'Closed'; readonly data: { readonly account: string } }

/** A balance that the projection refuses, as it does all higher ones. */
export const balanceLimit = 1_000_000

export class LimitExceeded extends Error {}

export const balances: DocumentProjection<{ balance: number; movements: number }, Movement> = projection({
  name: 'balances',
  events: ['Deposited', 'Transferred', 'Closed'],
  key: ({ type, data }: RecordedEvent<Movement>) =>
    type === 'Transferred' ? [data.from, data.to] : data.account,
  initialState: () => ({ balance: 0, movements: 0 }),
  evolve({ balance, movements }, { type, data }, key) {
    if (type === 'Closed') return null
    const amount = type === 'Transferred' && data.from === key ? -data.amount : data.amount
    if (balance + amount >= balanceLimit) throw new LimitExceeded(`the balance of ${key} is too high`)
    return { balance: balance + amount, movements: movements + 1 }
  },
})

export const deposit = (account: string, amount: number): Movement => ({
  type: 'Deposited',
  data: { account, amount },
})
export const transfer = (from: string, to: string, amount: number): Movement => ({
  type: 'Transferred',
  data: { from, to, amount },
})
export const closed = (account: string): Movement => ({ type: 'Closed', data: { account } })

/** Adds up the balances from the log, without the projection. */
export async function balancesOf(store: EventStore): Promise<Record<string, number>> {
  const sums = new Map<string, number>()
  const add = (account: string, amount: number) => sums.set(account, (sums.get(account) ?? 0) + amount)
  for (const event of await logOf(store)) {
    const { type, data } = event as RecordedEvent<Movement>
    if (type === 'Deposited') add(data.account, data.amount)
    else if (type === 'Closed') sums.delete(data.account)
    else if (type === 'Transferred') {
      // As in the projection, a transfer from an account to itself counts once.
      add(data.from, -data.amount)
      if (data.to !== data.from) add(data.to, data.amount)
    }
  }
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Returns the balances of all documents of the projection. */
export async function viewedBalances(store: EventStore): Promise<Record<string, number>> {
  const documents = await collect(store.view(balances).list())
  return Object.fromEntries(documents.map(({ key, state }) => [key, state.balance]))
}
