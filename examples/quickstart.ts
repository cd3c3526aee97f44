import { commandHandler, decider, foldStream, memoryStore } from '@eventsourced/core'

type CartEvent = { type: 'Added'; data: { price: number } } | { type: 'CheckedOut'; data: { total: number } }
const cart = decider({
  initialState: () => ({ total: 0, open: true }),
  decide(command: { add: number } | 'checkOut', { total, open }): CartEvent {
    if (!open) throw new Error('This cart was checked out')
    if (command === 'checkOut') return { type: 'CheckedOut', data: { total } }
    return { type: 'Added', data: { price: command.add } }
  },
  evolve(state, { type, data }) {
    switch (type) {
      case 'Added':
        return { ...state, total: state.total + data.price }
      case 'CheckedOut':
        return { ...state, open: false }
    }
  },
})
const store = memoryStore() // on Postgres instead: postgresStore('postgres://user@host/database')
const handle = commandHandler({ store, decider: cart })
for (const command of [{ add: 40 }, { add: 2 }, 'checkOut'] as const) await handle('cart-1', command)
console.log('after two events:', (await foldStream(store, 'cart-1', cart, { toVersion: 2 })).state)
for await (const { position, type, data } of store.readAll()) console.log(position, type, data)
await store.close()
