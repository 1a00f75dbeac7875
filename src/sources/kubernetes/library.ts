/** What is used of the client library, by itself: the rest of it is left out of the programs. */
export { Exec, KubeConfig } from '@kubernetes/client-node';
