/** The CNI plugin's face: what installs it on a node, keeps it there, and takes it away. */
export {
  createInstaller,
  type Installer,
  type InstallerCounts,
  type InstallerOptions,
  type InstallerState,
} from './installer.js';
export { takeAway, type NodeFolders } from './node-files.js';
export { pluginType } from './protocol.js';
