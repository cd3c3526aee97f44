/** Closing among operations that are under way. */
import { expect, it } from 'vitest'
import { latch } from '../src/conformance/expect.ts'
import { Operations } from '../src/runtime/operations.ts'

it('ends once everything under way has ended, well or badly, and begins nothing more', async () => {
  const operations = new Operations()
  const [one, two] = [latch(), latch()]
  const log: string[] = []
  const first = operations.perform(undefined, () => one.released.then(() => log.push('first')))
  const second = operations.perform(undefined, async () => {
    await two.released
    log.push('second')
    throw new Error('badly')
  })
  const closing = operations.close(async () => void log.push('end'))
  expect(operations.close(async () => void log.push('end again'))).toBe(closing)
  let begun = false
  const late = operations.perform(undefined, async () => {
    begun = true
  })
  await expect(late).rejects.toMatchObject({ code: 'store-closed' })
  expect(begun).toBe(false)
  two.release()
  await expect(second).rejects.toThrow('badly')
  one.release()
  await first
  await closing
  expect(log).toEqual(['second', 'first', 'end'])
})

it('waits also for what its caller has given up', async () => {
  const operations = new Operations()
  const work = latch()
  const controller = new AbortController()
  const given = operations.perform(controller.signal, () => work.released)
  controller.abort(new Error('given up'))
  await expect(given).rejects.toThrow('given up')
  let ended = false
  const closing = operations.close(async () => {
    ended = true
  })
  await new Promise(setImmediate)
  expect(ended).toBe(false)
  work.release()
  await closing
  expect(ended).toBe(true)
})
