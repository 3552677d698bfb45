#pragma once

#include <atomic>
#include <memory>
#include <string>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

namespace millrace {

/// The machine's file system, until a test says that writing or reading fails.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultyFileSystem() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "FaultyFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> real;
    rocksdb::IOStatus status = target()->NewWritableFile(name, options, &real, debug);
    if (status.ok()) *file = std::make_unique<WritableFile>(std::move(real), *this);
    return status;
  }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSRandomAccessFile> real;
    rocksdb::IOStatus status = target()->NewRandomAccessFile(name, options, &real, debug);
    if (status.ok()) *file = std::make_unique<RandomAccessFile>(std::move(real), *this);
    return status;
  }

  std::atomic<bool> writes_fail{false};
  std::atomic<bool> reads_fail{false};

 private:
  class WritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    WritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, const FaultyFileSystem& system)
        : FSWritableFileOwnerWrapper(std::move(file)), system_(system) {}
    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      if (system_.writes_fail) return rocksdb::IOStatus::IOError("injected");
      return FSWritableFileOwnerWrapper::Append(data, options, debug);
    }

   private:
    const FaultyFileSystem& system_;
  };
  class RandomAccessFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
   public:
    RandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file,
                     const FaultyFileSystem& system)
        : FSRandomAccessFileOwnerWrapper(std::move(file)), system_(system) {}
    rocksdb::IOStatus Read(uint64_t offset, size_t n, const rocksdb::IOOptions& options,
                           rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext* debug) const override {
      if (system_.reads_fail) return rocksdb::IOStatus::IOError("injected");
      return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug);
    }
    rocksdb::IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t n,
                                const rocksdb::IOOptions& options,
                                rocksdb::IODebugContext* debug) override {
      if (system_.reads_fail) return rocksdb::IOStatus::IOError("injected");
      return FSRandomAccessFileOwnerWrapper::MultiRead(requests, n, options, debug);
    }

   private:
    const FaultyFileSystem& system_;
  };
};

}  // namespace millrace
