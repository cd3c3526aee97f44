/** Closing a store while operations run. */
import { expect, it } from 'vitest'
import { latch } from '../src/conformance/expect.ts'
import { Operations } from '../src/runtime/operations.ts'

it('closes once all running operations have settled, and starts no new ones', async () => {
  const operations = new Operations()
  const [one, two] = [latch(), latch()]
  const log: string[] = []
  const first = operations.perform(undefined, () => one.released.then(() => log.push('first')))
  const second = operations.perform(undefined, async () => {
    await two.released
    log.push('second')
    throw new Error('the operation fails')
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
  await expect(second).rejects.toThrow('the operation fails')
  one.release()
  await first
  await closing
  expect(log).toEqual(['second', 'first', 'end'])
})

it('waits for an operation whose caller has aborted', async () => {
  const operations = new Operations()
  const work = latch()
  const controller = new AbortController()
  const aborted = operations.perform(controller.signal, () => work.released)
  controller.abort(new Error('aborted'))
  await expect(aborted).rejects.toThrow('aborted')
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
