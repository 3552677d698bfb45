#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

namespace millrace {

/// A step on a file.
enum class FileStep : unsigned char {
  kAppend,
  kSync,
  kName,  ///< a rename or a link
  kRead,
};

/// The machine's file system, until a test says that changing files or reading them fails. A change
/// is any step but a read.
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
  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSSequentialFile> real;
    rocksdb::IOStatus status = target()->NewSequentialFile(name, options, &real, debug);
    if (status.ok()) *file = std::make_unique<SequentialFile>(std::move(real), *this);
    return status;
  }

  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = change(FileStep::kName);
    return status.ok() ? target()->RenameFile(from, to, options, debug) : status;
  }
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status = change(FileStep::kName);
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
  /// Called before every step, by the thread that makes it: an error is the step's outcome.
  std::function<rocksdb::IOStatus(FileStep)> on_step;
  /// Called with the bytes of every read: it may change them.
  std::function<void(char* bytes, size_t size)> on_bytes;

 private:
  rocksdb::IOStatus change(FileStep step) {
    if (on_step) {
      rocksdb::IOStatus status = on_step(step);
      if (!status.ok()) return status;
    }
    if (countdown_ > 0 && --countdown_ == 0) {
      has_failed_ = true;
      writes_fail = lasts_.load();
      return rocksdb::IOStatus::IOError("injected");
    }
    return writes_fail ? rocksdb::IOStatus::IOError("injected") : rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus read() const {
    if (on_step) {
      rocksdb::IOStatus status = on_step(FileStep::kRead);
      if (!status.ok()) return status;
    }
    return reads_fail ? rocksdb::IOStatus::IOError("injected") : rocksdb::IOStatus::OK();
  }
  /// `result` lies in `scratch`: the machine's file system maps no files into memory.
  rocksdb::IOStatus change_bytes(rocksdb::IOStatus status, const rocksdb::Slice& result,
                                 char* scratch) const {
    if (status.ok() && on_bytes && result.data() == scratch) on_bytes(scratch, result.size());
    return status;
  }

  class WritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    WritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, FaultyFileSystem& system)
        : FSWritableFileOwnerWrapper(std::move(file)), system_(system) {}
    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      const rocksdb::IOStatus status = system_.change(FileStep::kAppend);
      return status.ok() ? FSWritableFileOwnerWrapper::Append(data, options, debug) : status;
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      const rocksdb::IOStatus status = system_.change(FileStep::kSync);
      return status.ok() ? FSWritableFileOwnerWrapper::Sync(options, debug) : status;
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      const rocksdb::IOStatus status = system_.change(FileStep::kSync);
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
      rocksdb::IOStatus status = system_.read();
      if (!status.ok()) return status;
      status = FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug);
      return system_.change_bytes(std::move(status), *result, scratch);
    }
    rocksdb::IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t n,
                                const rocksdb::IOOptions& options,
                                rocksdb::IODebugContext* debug) override {
      rocksdb::IOStatus status = system_.read();
      if (!status.ok()) return status;
      status = FSRandomAccessFileOwnerWrapper::MultiRead(requests, n, options, debug);
      for (size_t i = 0; status.ok() && i < n; ++i) {
        requests[i].status =
            system_.change_bytes(requests[i].status, requests[i].result, requests[i].scratch);
      }
      return status;
    }

   private:
    const FaultyFileSystem& system_;
  };
  class SequentialFile final : public rocksdb::FSSequentialFileOwnerWrapper {
   public:
    SequentialFile(std::unique_ptr<rocksdb::FSSequentialFile> file, const FaultyFileSystem& system)
        : FSSequentialFileOwnerWrapper(std::move(file)), system_(system) {}
    rocksdb::IOStatus Read(size_t n, const rocksdb::IOOptions& options, rocksdb::Slice* result,
                           char* scratch, rocksdb::IODebugContext* debug) override {
      rocksdb::IOStatus status = system_.read();
      if (!status.ok()) return status;
      status = FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, debug);
      return system_.change_bytes(std::move(status), *result, scratch);
    }

   private:
    const FaultyFileSystem& system_;
  };

  std::atomic<int> countdown_{0};
  std::atomic<bool> lasts_{false};
  std::atomic<bool> has_failed_{false};
};

}  // namespace millrace
