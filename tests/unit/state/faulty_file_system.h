#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

namespace millrace {

/// The machine's file system, until a test says that changing files or reading them fails. A change
/// is an append, a sync, a rename or a link.
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

  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = change();
    return status.ok() ? target()->RenameFile(from, to, options, debug) : status;
  }
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = change();
    return status.ok() ? target()->LinkFile(from, to, options, debug) : status;
  }

  /// The n-th change from now on fails; `lasts`: so do all after it, until `heal`.
  void fail_at(int n, bool lasts) {
    lasts_ = lasts;
    has_failed_ = false;
    countdown_ = n;
  }
  void heal() {
    countdown_ = 0;
    writes_fail = reads_fail = false;
  }
  /// Whether the change of `fail_at` came.
  bool has_failed() const { return has_failed_; }

  std::atomic<bool> writes_fail{false};  ///< all changes
  std::atomic<bool> reads_fail{false};
  /// Called before every change, by the thread that makes it.
  std::function<void()> on_change;

 private:
  rocksdb::IOStatus change() {
    if (on_change) on_change();
    if (countdown_ > 0 && --countdown_ == 0) {
      has_failed_ = true;
      writes_fail = lasts_.load();
      return rocksdb::IOStatus::IOError("injected");
    }
    return writes_fail ? rocksdb::IOStatus::IOError("injected") : rocksdb::IOStatus::OK();
  }

  class WritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    WritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, FaultyFileSystem& system)
        : FSWritableFileOwnerWrapper(std::move(file)), system_(system) {}
    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      const rocksdb::IOStatus status = system_.change();
      return status.ok() ? FSWritableFileOwnerWrapper::Append(data, options, debug) : status;
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      const rocksdb::IOStatus status = system_.change();
      return status.ok() ? FSWritableFileOwnerWrapper::Sync(options, debug) : status;
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      const rocksdb::IOStatus status = system_.change();
      return status.ok() ? FSWritableFileOwnerWrapper::Fsync(options, debug) : status;
    }

   private:
    FaultyFileSystem& system_;
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

  std::atomic<int> countdown_{0};
  std::atomic<bool> lasts_{false};
  std::atomic<bool> has_failed_{false};
};

}  // namespace millrace
