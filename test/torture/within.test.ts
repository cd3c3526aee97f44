/** `within`: names the work that does not end in time, and passes on the result of work that does. */
import { expect, it } from 'vitest'
import { within } from '../../torture/within.ts'

const hanging = () => new Promise<never>(() => {})

it('names the work that takes too long, also with a name that is computed then', async () => {
  await expect(within(10, 'the end', hanging())).rejects.toThrow('After 0.01 s there is no end of the end')
  let left = 'two'
  const named = within(10, async () => `${left} clients`, hanging())
  left = 'one'
  await expect(named).rejects.toThrow('no end of one clients')
})

it('passes on the result or the error of work that ends in time', async () => {
  expect(await within(10_000, 'nothing', Promise.resolve(1))).toBe(1)
  await expect(within(10_000, 'nothing', Promise.reject(new Error('its own')))).rejects.toThrow('its own')
})
