/** Repeats a case with a network that makes each round trip to the server 2 ms longer. */
import type { Case } from '../case.ts'

export function overNetwork(plain: Case): Case {
  return {
    ...plain,
    name: `network-${plain.name}`,
    group: 'network',
    work: `${plain.name} over the network`,
  }
}
