export { CertificateFolder, type CertificateOptions, type Issued, TestAuthority } from './certificates.ts';
