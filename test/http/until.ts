/** Waits for what happens in a server. The time limit of the test ends the wait. */

export const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await pause()
}
