/** What does not come to its end is named; what does is left as it is. */
import { expect, it } from 'vitest'
import { within } from '../../torture/within.ts'

const hanging = () => new Promise<never>(() => {})

it('names what takes too long, also by what is found out only then', async () => {
  await expect(within(10, 'the end', hanging())).rejects.toThrow('After 0.01 s there is no end of the end')
  let left = 'two'
  const told = within(10, async () => `${left} clients`, hanging())
  left = 'one'
  await expect(told).rejects.toThrow('no end of one clients')
})

it('leaves alone what ends in time, in either way', async () => {
  expect(await within(10_000, 'nothing', Promise.resolve(1))).toBe(1)
  await expect(within(10_000, 'nothing', Promise.reject(new Error('its own')))).rejects.toThrow('its own')
})
