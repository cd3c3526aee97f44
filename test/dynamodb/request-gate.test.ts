/** Tests the order in which requests to DynamoDB begin, when a client has fewer sockets than requests. */
import { expect, it } from 'vitest'
import { gateOf, RequestGate } from '../../src/dynamodb/requests/request-gate.ts'

const clientWith = (agents: object) => ({ config: { requestHandler: { httpHandlerConfigs: () => agents } } })
const settle = () => new Promise((resolve) => setImmediate(resolve))

/** Lets requests enter, and notes which ones have begun. */
function startGate(client: object) {
  const gate = new RequestGate(client)
  const begun: string[] = []
  return {
    begun,
    leave: async () => {
      gate.leave()
      await settle()
    },
    enter: async (name: string, urgency: Parameters<RequestGate['enter']>[0], signal?: AbortSignal) => {
      const entered = gate.enter(urgency, signal).then(() => begun.push(name))
      entered.catch(() => {})
      await settle()
      return entered.then(
        () => 'begun',
        (error: Error) => error.message,
      )
    },
  }
}

it('leaves a tenth of the sockets to heartbeats, and lets the requests of leases begin before others', async () => {
  const { begun, enter, leave } = startGate(clientWith({ httpsAgent: { maxSockets: 3 } }))
  await enter('read 1', 'in turn')
  await enter('read 2', 'in turn')
  void enter('read 3', 'in turn')
  void enter('read 4', 'in turn')
  void enter('lease', 'soon')
  await settle()
  expect(begun).toEqual(['read 1', 'read 2'])
  await enter('heartbeat', 'now')
  expect(begun).toEqual(['read 1', 'read 2', 'heartbeat'])
  await leave()
  expect(begun).toHaveLength(3)
  await leave()
  expect(begun.at(-1)).toBe('lease')
  await leave()
  await leave()
  expect(begun.slice(-2)).toEqual(['read 3', 'read 4'])
})

it('forgets a request that waits and is aborted', async () => {
  const { begun, enter, leave } = startGate(clientWith({ httpAgent: { maxSockets: 1 } }))
  const controller = new AbortController()
  await enter('first', 'in turn')
  const aborted = enter('aborted', 'in turn', controller.signal)

  void enter('last', 'in turn')
  await settle()
  controller.abort(new Error('not needed any more'))
  expect(await aborted).toBe('not needed any more')

  await leave()
  expect(begun).toEqual(['first', 'last'])
})

it('counts with 50 sockets while a client does not say how many it has, and has one gate for each client', async () => {
  const { begun, enter } = startGate({})
  for (let nth = 1; nth <= 45; nth++) await enter(`${nth}`, 'in turn')
  void enter('46', 'in turn')
  await settle()
  expect(begun).toHaveLength(45)
  const client = clientWith({})
  expect(gateOf(client)).toBe(gateOf(client))
  expect(gateOf(client)).not.toBe(gateOf(clientWith({})))
})
