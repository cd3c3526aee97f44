/** What the page knows of the store that it shows. */
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { StoreShape } from '../../src/console/shapes/store.ts'

/** Until the store has answered. */
export const unknownStore: StoreShape = {
  name: '',
  isReadOnly: true,
  deciders: [],
  projections: [],
  hasMetrics: false,
  version: '',
}

export const StoreContext = createContext<StoreShape>(unknownStore)

export const useStore = (): StoreShape => useContext(StoreContext)
