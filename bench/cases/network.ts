/** A case again, where each round trip to the server takes 2 ms longer. */
import type { Case } from '../case.ts'

export function overNetwork(plain: Case): Case {
  return {
    ...plain,
    name: `network-${plain.name}`,
    group: 'network',
    work: `${plain.name} over the network`,
  }
}
