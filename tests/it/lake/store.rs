//! The store of the tests: s3s-fs, which answers an error where the last N bytes are wanted of an
//! object that has fewer. Amazon's gives the whole object then, and readers count on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use s3s::dto::{self, Range};
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;

/// Objects are files below a folder.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    files: FileSystem,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = S3Result<S3Response<T>>> + Send + 'a>>;

impl Store {
    pub(super) fn new(folder: &Path) -> Self {
        let files = FileSystem::new(folder).expect("a folder");
        Self { folder: folder.to_owned(), files }
    }
}

/// What s3s-fs answers as it should.
macro_rules! as_it_is {
    ($($name:ident($input:ident) -> $output:ident;)+) => {
        $(fn $name<'a, 'b>(&'a self, request: S3Request<dto::$input>) -> Answer<'b, dto::$output>
        where
            'a: 'b,
            Self: 'b,
        {
            self.files.$name(request)
        })+
    };
}

impl S3 for Store {
    fn get_object<'a, 'b>(
        &'a self,
        mut request: S3Request<dto::GetObjectInput>,
    ) -> Answer<'b, dto::GetObjectOutput>
    where
        'a: 'b,
        Self: 'b,
    {
        let input = &mut request.input;
        if let Some(Range::Suffix { length }) = &mut input.range {
            let object = self.folder.join(&input.bucket).join(&input.key);
            let all = fs::metadata(object).map_or(*length, |object| object.len());
            *length = all.min(*length);
        }
        self.files.get_object(request)
    }

    as_it_is! {
        abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
        complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
        create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
        delete_object(DeleteObjectInput) -> DeleteObjectOutput;
        delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
        head_bucket(HeadBucketInput) -> HeadBucketOutput;
        head_object(HeadObjectInput) -> HeadObjectOutput;
        list_objects(ListObjectsInput) -> ListObjectsOutput;
        list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
        put_object(PutObjectInput) -> PutObjectOutput;
        upload_part(UploadPartInput) -> UploadPartOutput;
    }
}
