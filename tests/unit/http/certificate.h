#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace millrace {

/// A certificate for one server and its key, as PEM files. It vouches for itself, so it is also
/// the file of its authority.
struct CertificateFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

namespace certificate_details {

template <auto Free>
struct Freeing {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Memory = std::unique_ptr<BIO, Freeing<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freeing<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freeing<X509_EXTENSION_free>>;

inline void write(const Memory& memory, const std::filesystem::path& file) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &bytes);
  const std::filesystem::path next = file.string() + ".next";
  std::ofstream(next, std::ios::binary).write(bytes, size);
  std::filesystem::permissions(next, std::filesystem::perms::owner_read);
  std::filesystem::rename(next, file);
}

}  // namespace certificate_details

/// Writes the files `directory/name.pem` and `directory/name.key`. `subject`: "IP:127.0.0.1" or
/// "DNS:host".
inline CertificateFiles write_certificate(const std::filesystem::path& directory,
                                          const std::string& name,
                                          const std::string& subject = "IP:127.0.0.1") {
  namespace details = certificate_details;
  constexpr long kDayS = 86'400;
  const details::Key key(EVP_EC_gen("P-256"));
  const details::Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDayS);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 30 * kDayS);
  X509_NAME* const named = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(named, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), named);
  X509_set_pubkey(certificate.get(), key.get());
  const details::Extension names(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, subject.c_str()));
  EXPECT_EQ(X509_add_ext(certificate.get(), names.get(), -1), 1);
  EXPECT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);

  const CertificateFiles files{directory / (name + ".pem"), directory / (name + ".key")};
  const details::Memory chain(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(chain.get(), certificate.get());
  details::write(chain, files.certificate);
  const details::Memory secret(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  details::write(secret, files.key);
  return files;
}

}  // namespace millrace
